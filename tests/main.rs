//! The one integration binary: behaviour through the real program, and promises checked from outside.

mod architecture;
mod cli;
mod concurrency;
mod contract;
mod crash;
mod docs;
mod faults;
mod generation;
mod hostile;
mod resolver;
mod samples;
mod store;
mod support;
