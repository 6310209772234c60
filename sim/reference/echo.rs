//! The echo workload of `tribunal_sim::echo`, over the sockets of an async framework: a client asks A; A asks B and C;
//! both answer; A answers. 6 messages of 128 bytes a request, one request at a time for each client.
//!
//! Both references include this file; `super::net` is the framework's `TcpListener` and `TcpStream`, `super::spawn` its
//! task spawner. A has a connection to B and one to C for each of its clients.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::net::{TcpListener, TcpStream};
use super::spawn;

const MESSAGE_BYTES: usize = 128;

/// Messages of one request.
pub const MESSAGES_PER_REQUEST: u64 = 6;

/// The port that A, B and C listen on.
pub const PORT: u16 = 9000;

/// B or C: sends back what it gets.
pub async fn back() -> io::Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        spawn(async move {
            while let Ok(message) = read(&mut stream).await {
                if write(&mut stream, &message).await.is_err() {
                    break;
                }
            }
        });
    }
}

/// A: asks `b` and `c` before it answers.
pub async fn front(b: &'static str, c: &'static str) -> io::Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        spawn(async move {
            // The client closes its connection when it is done.
            let _ = serve(stream, b, c).await;
        });
    }
}

async fn serve(mut client: TcpStream, b: &str, c: &str) -> io::Result<()> {
    let mut b = TcpStream::connect((b, PORT)).await?;
    let mut c = TcpStream::connect((c, PORT)).await?;
    loop {
        let message = read(&mut client).await?;
        write(&mut b, &message).await?;
        write(&mut c, &message).await?;
        read(&mut b).await?;
        read(&mut c).await?;
        write(&mut client, &message).await?;
    }
}

/// Has `requests` requests answered by `a`, one after the other.
pub async fn client(a: &str, requests: u64) -> io::Result<()> {
    let mut stream = TcpStream::connect((a, PORT)).await?;
    for _ in 0..requests {
        write(&mut stream, &[7; MESSAGE_BYTES]).await?;
        read(&mut stream).await?;
    }
    Ok(())
}

async fn read(stream: &mut TcpStream) -> io::Result<[u8; MESSAGE_BYTES]> {
    let mut message = [0; MESSAGE_BYTES];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

async fn write(stream: &mut TcpStream, message: &[u8; MESSAGE_BYTES]) -> io::Result<()> {
    stream.write_all(message).await?;
    stream.flush().await
}

/// The two arguments, with their defaults: clients, requests over all of them.
pub fn arguments(default_requests: u64) -> (u64, u64) {
    let mut numbers = std::env::args().skip(1).map(|text| match text.parse() {
        Ok(number) => number,
        Err(_) => {
            eprintln!("{text:?} is not a number; usage: [clients] [requests]");
            std::process::exit(2);
        }
    });
    let clients = numbers.next().unwrap_or(1).max(1);
    (clients, numbers.next().unwrap_or(default_requests))
}

/// One line of JSON: what was measured.
pub fn report(framework: &str, clients: u64, requests: u64, wall: std::time::Duration, simulated: std::time::Duration) {
    let messages = requests * MESSAGES_PER_REQUEST;
    let (wall, simulated) = (wall.as_secs_f64(), simulated.as_secs_f64());
    println!(
        "{{\"framework\":\"{framework}\",\"clients\":{clients},\"requests\":{requests},\"messages\":{messages},\
         \"wall_seconds\":{wall:.6},\"simulated_seconds\":{simulated:.3},\"messages_per_second\":{:.0}}}",
        messages as f64 / wall
    );
}
