mod arrows;
mod clients;
mod cluster;
mod console;
mod crash;
mod docs;
mod openapi;
mod sql_files;
