use printhost::{
    AnyHost, Error, Event, JobEnd, PrintHost, Result, Started, Upload, beside, follow, net::Net,
};

/// Uploads a file, prints it and follows the print to its end.
pub async fn print_and_follow<N: Net>(
    net: &N,
    host: &AnyHost<N>,
    path: &str,
    gcode: &[u8],
    mut show: impl FnMut(&Event),
) -> Result<JobEnd> {
    let events = host.events()?; // before the start, so that nothing is missed
    beside(host, async {
        let mut body = gcode;
        let uploaded = host.upload(Upload::new(path, gcode.len() as u64, &mut body).and_print()).await?;
        match uploaded.started {
            Started::Yes(_) => follow(host, events, &uploaded.path, net.parts().clock(), &mut show).await,
            Started::No(error) => Err(error),
            _ => Err(Error::unsupported("print")),
        }
    })
    .await?
}
