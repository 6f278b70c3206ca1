//! Variance, covariance, higher moments, histograms.

pub mod covariance;
pub mod histogram;
pub mod moments;
pub mod variance;
