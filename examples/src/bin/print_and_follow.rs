//! `print_and_follow FILE PRINTER`, with the key in `PRINTHOST_KEY`.

#![recursion_limit = "110"] // Less than usual: a program of others has its own futures around these.

use printhost::{Event, Host, HyperNet};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(file), Some(url)) = (args.next(), args.next()) else {
        return Err("usage: print_and_follow FILE PRINTER".into());
    };
    let name = file.rsplit(['/', '\\']).next().unwrap_or(&file).to_owned();
    let gcode = tokio::fs::read(&file).await?;

    let net = HyperNet::new();
    let host = Host::new(net.clone(), &url.parse()?, std::env::var("PRINTHOST_KEY")?);
    let end = printhost_examples::print_and_follow(&net, &host, &name, &gcode, |event| {
        if let Event::Status(status) = event {
            let done = status.job.as_ref().and_then(|job| job.progress).unwrap_or_default();
            println!("{} {:.0} %", status.state_text, done * 100.0);
        }
    })
    .await?;
    println!("{end:?}");
    Ok(())
}
