use printhost::{AnyHost, Event, PrintHost, Result, net::Net};

/// Follows a printer and shows what happens, until its credentials are refused.
pub async fn watch<N: Net>(host: &AnyHost<N>, mut show: impl FnMut(&Event)) -> Result<()> {
    let mut events = host.events()?;
    printhost::beside(host, async {
        loop {
            show(&events.next().await);
        }
    })
    .await
}
