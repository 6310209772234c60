//! What a broker as a whole promises to its clients and to its cluster.

mod clients;
mod folders;
mod groups;
mod life;
mod support;
