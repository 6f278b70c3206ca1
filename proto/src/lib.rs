//! Messages and services that roles speak to one another.
