//! Claims about a running Tenon. One binary, so that it links once.

mod admin_api;
mod bulk;
mod characteristics;
mod command_line;
mod conditional;
mod cursors;
mod dialects;
mod discovery;
mod discovery_walk;
mod faults;
mod groups;
mod hostile_plugins;
mod housekeeping;
mod indexes;
mod indexes_commands;
mod isolation;
mod life_cycle;
mod lists;
mod me;
mod plugins;
mod processes;
mod projection;
mod protocol_errors;
mod resources;
mod search;
mod vectors;
