//! The examples, on a simulated printer.

use printhost::{Event, Host, HyperNet, JobEnd};
use printhost_sim::{OctoPrintSim, SimConfig};

#[tokio::test]
async fn example_prints_and_sees_the_end() {
    let sim = OctoPrintSim::start(SimConfig::default().time_scale(20.0)).await.unwrap();
    let net = HyperNet::new();
    let host = Host::new(net.clone(), &sim.url().parse().unwrap(), sim.api_key());
    let mut statuses = 0;
    let gcode = b"G28\nG4 P5000\nG1 X10 F6000\n";
    let end = printhost_examples::print_and_follow(&net, &host, "cube.gcode", gcode, |event| {
        statuses += usize::from(matches!(event, Event::Status(_)));
    });
    assert_eq!(end.await.unwrap(), JobEnd::Finished);
    assert!(statuses > 0); // a slow listener skips some
    assert_eq!(sim.files()[0].data.as_deref(), Some(&gcode[..]));
}

#[tokio::test]
async fn watching_ends_when_the_key_is_refused() {
    let sim = OctoPrintSim::start(SimConfig::default()).await.unwrap();
    let host = Host::new(HyperNet::new(), &sim.url().parse().unwrap(), "not-the-key");
    let error = printhost_examples::watch(&host, |_| ()).await.unwrap_err();
    assert_eq!(error.kind(), printhost::ErrorKind::Unauthorized);
}
