//! What may be typed after `serve`.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use clap::Args;
use tribunal_server::admin::NewTopic;

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Brokers in this process, each with its own port, folder and vote in the controller quorum
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=9))]
    pub(crate) brokers: u16,
    /// Address of the first broker; the others take the next ports. Port 0 takes any free port
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9092", value_parser = listen_address)]
    pub(crate) listen: SocketAddr,
    /// Allow an address that other machines can reach: nothing is encrypted and nobody is authenticated
    #[arg(long)]
    pub(crate) allow_remote: bool,
    /// Folder for the brokers' data [default: a temporary folder, removed at the end]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Create a topic if it does not exist: NAME:PARTITIONS:REPLICAS, such as orders:3:3; may be given several times
    #[arg(long, value_name = "NAME[:PARTITIONS[:REPLICAS]]")]
    pub(crate) create: Vec<NewTopic>,
    /// A setting of every broker by Kafka's name, such as message.max.bytes=5242880; may be given several times
    #[arg(long = "config", value_name = "NAME=VALUE")]
    pub(crate) settings: Vec<String>,
    /// What to log to standard error: error, warn, info, debug, trace, or a filter as for RUST_LOG
    #[arg(long, value_name = "FILTER", help_heading = "Output")]
    pub(crate) log: Option<String>,
    /// Run only this broker in this process; --peers names the others
    #[arg(long, value_name = "ID", requires = "peers", conflicts_with = "brokers", help_heading = "Several processes")]
    pub(crate) node_id: Option<i32>,
    /// All brokers, this one too, and the same in every process: 1@127.0.0.1:9092,2@127.0.0.1:9093,3@127.0.0.1:9094
    #[arg(long, value_name = "ID@HOST:PORT,…", requires = "node_id", help_heading = "Several processes")]
    pub(crate) peers: Option<String>,
    /// The cluster's id, 22 characters of base64 [default: that of the data; a new one; with --peers, one made from
    /// them]
    #[arg(long, value_name = "ID", help_heading = "Several processes")]
    pub(crate) cluster_id: Option<String>,
}

/// Where to listen: an address, or a name that has one.
pub(super) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("{why}; say HOST:PORT, such as 127.0.0.1:9092");
    let mut found = text.to_socket_addrs().map_err(|error| wrong(&error))?;
    found.next().ok_or_else(|| wrong(&"the host has no address"))
}
