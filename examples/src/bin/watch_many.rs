//! `watch_many PRINTER…`, with their key in `PRINTHOST_KEY`: a line for each, kept up to date.

use printhost::{Host, HyperNet};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let urls: Vec<String> = std::env::args().skip(1).collect();
    if urls.is_empty() {
        return Err("usage: watch_many PRINTER…".into());
    }
    let key = std::env::var("PRINTHOST_KEY")?;
    let net = HyperNet::new(); // one for all: they share its idle connections
    let (tell, mut told) = mpsc::unbounded_channel();
    for (n, url) in urls.iter().enumerate() {
        let host = Host::new(net.clone(), &url.parse()?, key.as_str());
        let tell = tell.clone();
        tokio::spawn(async move {
            let line = |line: &str| drop(tell.send((n, line.to_owned())));
            let Err(error) = printhost_examples::keep_line(&host, line).await;
            let _ = tell.send((n, format!("{error}")));
        });
    }
    drop(tell);
    let mut lines = vec![String::from("…"); urls.len()];
    while let Some((n, line)) = told.recv().await {
        lines[n] = line;
        print!("\x1b[H\x1b[2J"); // to the top, and clear
        for (url, line) in urls.iter().zip(&lines) {
            println!("{url:<40} {line}");
        }
    }
    Ok(())
}
