//! What happens when the database or the server is killed, stopped, slow or full.

mod consistency;
mod disk;
mod kills;
mod load;
mod outages;
