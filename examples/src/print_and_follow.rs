use printhost::{AnyHost, Event, JobEnd, PrintHost, Result, Upload, beside, follow, net::Net};

/// Uploads a file, prints it and follows the print to its end.
pub async fn print_and_follow<N: Net>(
    net: &N,
    host: &AnyHost<N>,
    path: &str,
    gcode: &[u8],
    mut show: impl FnMut(&Event),
) -> Result<JobEnd> {
    let mut events = host.events()?;
    beside(host, async {
        let mut body = gcode;
        let uploaded = host.upload(Upload::new(path, gcode.len() as u64, &mut body)).await?;
        events.clear(); // what comes now is about this print
        host.start(&uploaded.path).await?;
        follow(host, events, &uploaded.path, net.parts().clock(), &mut show).await
    })
    .await?
}
