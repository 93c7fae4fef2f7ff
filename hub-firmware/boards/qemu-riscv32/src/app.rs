//! The application: fetches the file that the configuration names, and counts its bytes.

use alloc::{format, string::String, vec};

use embassy_executor::Spawner;
use embassy_net::{Stack, dns::DnsQueryType, tcp::TcpSocket};
use embassy_time::{Duration, Instant};
use embedded_io_async::Write;

use crate::{config::Config, console::println, entropy::Entropy};

/// Runs the application to its end.
pub(crate) async fn run(
    stack: Stack<'static>,
    _spawner: Spawner,
    config: Config,
    _entropy: Entropy,
) -> Result<(), String> {
    stack.wait_config_up().await;
    if let Some(network) = stack.config_v4() {
        println!("address: {} after {} ms", network.address, Instant::now().as_millis());
    }
    match config.get("source") {
        Some(source) => fetch(stack, source).await,
        None => Ok(()),
    }
}

/// Fetches `host:port/path`.
async fn fetch(stack: Stack<'static>, source: &str) -> Result<(), String> {
    let (authority, path) = source.split_once('/').ok_or("source: no path")?;
    let (host, port) = authority.split_once(':').ok_or("source: no port")?;
    let port: u16 = port.parse().map_err(|_| "source: bad port")?;
    let addresses =
        stack.dns_query(host, DnsQueryType::A).await.map_err(|error| format!("{host}: {error:?}"))?;
    let address = *addresses.first().ok_or("source: host not found")?;

    let (mut receive, mut send) = (vec![0; 4096], vec![0; 1024]);
    let mut socket = TcpSocket::new(stack, &mut receive, &mut send);
    socket.set_timeout(Some(Duration::from_secs(10)));
    let started = Instant::now();
    socket.connect((address, port)).await.map_err(|error| format!("{authority}: {error:?}"))?;
    let request = format!("GET /{path} HTTP/1.0\r\nHost: {authority}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.map_err(|error| format!("{authority}: {error:?}"))?;

    let mut total = 0;
    let mut chunk = [0; 1024];
    loop {
        match socket.read(&mut chunk).await.map_err(|error| format!("{authority}: {error:?}"))? {
            0 => break,
            count => total += count,
        }
    }
    println!("{source}: {total} bytes with headers in {} ms", started.elapsed().as_millis());
    Ok(())
}
