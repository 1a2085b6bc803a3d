//! Behaviour of every command, through the real program.

mod audit;
mod build;
mod by_hand;
mod config;
mod damaged;
mod download;
mod errors;
mod gc;
mod init;
mod install;
mod json;
mod list;
mod lock;
mod machine;
mod place;
mod reference;
mod registry;
mod resolve;
mod rollback;
mod run;
mod signatures;
mod switch;
mod tree;
mod undo;
mod verify;
mod verify_archive;
