mod arrows;
mod cluster;
mod crash;
