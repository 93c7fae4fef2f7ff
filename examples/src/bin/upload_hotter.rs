//! `upload_hotter FILE DEGREES PRINTER`, with the key in `PRINTHOST_KEY`.

use printhost::{Host, HyperNet, net_tokio::FromTokio};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, degrees, url] = args.as_slice() else {
        return Err("usage: upload_hotter FILE DEGREES PRINTER".into());
    };
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let host = Host::new(HyperNet::new(), &url.parse()?, std::env::var("PRINTHOST_KEY")?);
    let open = async || Ok(FromTokio::new(tokio::fs::File::open(file).await?));
    let report = |done: u64, total: u64| eprint!("\r{:3} %", done * 100 / total.max(1));
    let done = printhost_examples::upload_hotter(&host, name, degrees.parse()?, open, report).await?;
    println!("\n{} {:?}", done.path, done.verified);
    Ok(())
}
