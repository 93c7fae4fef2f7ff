//! A hub with a button, between a file server and a simulated printer.

use hub_firmware::{Budget, Order, Told, on_press};
use printhost::{Error, ErrorKind, Host, HyperNet, JobEnd, Result};
use printhost_sim::{OctoPrintSim, SimConfig};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

const GCODE: &[u8] = b"G28\nG1 X10 F6000\nG4 P200\nG1 X20 F6000\n";

#[derive(Debug, PartialEq)]
enum Heard {
    Ready,
    Ended(Result<Option<JobEnd>, ErrorKind>),
}

async fn serve(listener: TcpListener) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let n = stream.read(&mut request).await.unwrap();
        assert!(request[..n].starts_with(b"GET /part.gcode "));
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", GCODE.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(GCODE).await.unwrap();
    }
}

fn starts(sim: &OctoPrintSim) -> usize {
    sim.terminal().iter().filter(|line| line.contains("G28")).count()
}

#[tokio::test]
async fn without_a_press_nothing_is_sent_and_each_press_prints_once() {
    let sim = OctoPrintSim::start(SimConfig::default().time_scale(20.0)).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = format!(
        "source=http://{}/part.gcode\nprinter={}\nkey={}\npath=hub/part.gcode\n",
        listener.local_addr().unwrap(),
        sim.url(),
        sim.api_key()
    );
    let order = Order::read(&hub_firmware::Config::parse(config.as_bytes()).unwrap()).unwrap();
    let net = HyperNet::new();
    let host = Host::new(net.clone(), &order.printer, order.key.clone());

    let (press, mut presses) = mpsc::unbounded_channel();
    let (tell, mut heard) = mpsc::unbounded_channel();
    let told = |told: Told<'_>| {
        let _ = match told {
            Told::Ready => tell.send(Heard::Ready),
            Told::Ended(ended) => tell.send(Heard::Ended(match ended {
                Ok(relayed) => Ok(relayed.end.clone()),
                Err(error) => Err(Error::kind(error)),
            })),
            _ => Ok(()),
        };
    };
    let pressed = async || presses.recv().await.unwrap();
    let script = async {
        assert_eq!(heard.recv().await, Some(Heard::Ready));
        assert_eq!(sim.requests().len(), 0);

        press.send(()).unwrap();
        assert_eq!(heard.recv().await, Some(Heard::Ended(Ok(Some(JobEnd::Finished)))));
        assert_eq!(heard.recv().await, Some(Heard::Ready));
        assert_eq!((sim.files().len(), starts(&sim)), (1, 1));

        // The file is there already, and nobody allowed to replace it.
        press.send(()).unwrap();
        assert_eq!(heard.recv().await, Some(Heard::Ended(Err(ErrorKind::Exists))));
        assert_eq!(heard.recv().await, Some(Heard::Ready));
        assert_eq!((sim.files().len(), starts(&sim)), (1, 1));
    };
    let budget = Budget::unlimited();
    tokio::select! {
        never = on_press(&net, &host, &budget, order.relay(), pressed, told) => match never {},
        () = serve(listener) => unreachable!("it serves for ever"),
        () = script => {}
    }
}
