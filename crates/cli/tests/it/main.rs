mod arrows;
mod cluster;
mod crash;
mod sql_files;
