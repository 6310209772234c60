//! What may be typed after `serve`.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
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
    /// Address that clients are told to connect to, such as that of a proxy or a mapped port; the other brokers
    /// advertise the next ports [default: where each listens]
    #[arg(long, value_name = "HOST:PORT", value_parser = advertised_address)]
    pub(crate) advertised: Option<Advertised>,
    /// Rack of each broker of this process (broker.rack), in the order of their ids: replicas are spread over racks
    #[arg(long = "rack", value_name = "NAME,…", value_delimiter = ',')]
    pub(crate) racks: Vec<String>,
    /// Allow an address that other machines can reach: nothing is encrypted and nobody is authenticated
    #[arg(long)]
    pub(crate) allow_remote: bool,
    /// Folder for the brokers' data [default: a temporary folder, removed at the end]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Let brokers with new folders vote at once, although others have the cluster's metadata: what only the lost folders
    /// held is lost then
    #[arg(long)]
    pub(crate) allow_empty_voters: bool,
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

/// A host as clients will resolve it, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advertised {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// What is advertised. The name need not be known here, only where the clients are.
fn advertised_address(text: &str) -> Result<Advertised, String> {
    const FORM: &str = "say HOST:PORT as clients reach it, such as kafka.example.com:19092";
    let (host, port) = text.rsplit_once(':').ok_or(FORM)?;
    let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(|| format!("`{port}` is no port; {FORM}"))?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match bare {
        Some(address) => {
            address.parse::<Ipv6Addr>().map(|ip| ip.to_string()).map_err(|error| format!("{error}; {FORM}"))?
        }
        None => host.to_owned(),
    };
    if host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified()) {
        return Err(format!("no client can connect to {host}; {FORM}"));
    }
    let sound = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c) || bare.is_some();
    if host.is_empty() || !host.chars().all(sound) {
        return Err(format!("`{host}` is no host; {FORM}"));
    }
    Ok(Advertised { host, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_advertised_is_an_address_that_a_client_can_reach() {
        let read = |text: &str| advertised_address(text).map(|Advertised { host, port }| (host, port));
        assert_eq!(read("kafka.example.com:19092"), Ok(("kafka.example.com".to_owned(), 19_092)));
        assert_eq!(read("10.0.0.7:1"), Ok(("10.0.0.7".to_owned(), 1)));
        assert_eq!(read("[2001:db8::1]:9092"), Ok(("2001:db8::1".to_owned(), 9_092)));
        for wrong in [
            "",
            "host",
            "host:",
            ":9092",
            "host:0",
            "host:65536",
            "host:-1",
            "host:kafka",
            "0.0.0.0:9092",
            "[::]:9092",
            "2001:db8::1:9092",
            "[host]:9092",
            "PLAINTEXT://host:9092",
            "two hosts:9092",
            "a,b:9092",
        ] {
            let said = read(wrong).expect_err(wrong);
            assert!(said.contains("HOST:PORT"), "{wrong}: {said}");
        }
    }
}
