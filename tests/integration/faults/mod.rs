//! What happens when the database or the server is killed, stopped, slow or full.

pub(crate) mod consistency;
mod disk;
mod kills;
pub(crate) mod load;
mod outages;
