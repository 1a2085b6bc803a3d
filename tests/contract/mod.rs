//! Lists of promises, checked for every implementation of a trait at the edge of the world.

mod publish;
mod transport;
mod web;
