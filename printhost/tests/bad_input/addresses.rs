use std::time::Duration;

use printhost::{ErrorKind, Retry, net::Net};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::Instant,
};

use super::{
    drivers::Driver,
    harness::{Call, decent, fails, is_kind, limits},
};

over_all!(nobody_there_is_unreachable; paused host_that_does_not_even_refuse_is_unreachable);

async fn nobody_there_is_unreachable<N: Net>(net: fn() -> N, driver: &'static Driver) {
    let closed = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let long = format!("{}.invalid", "x".repeat(200));
    for address in [&closed.to_string(), "printer.invalid", "[::1]:1", &long] {
        for call in driver.reads().chain(driver.changes()) {
            let error = fails(address, call, &driver.host_at(net(), address)).await;
            is_kind(address, &error, ErrorKind::Unreachable);
            assert_eq!((error.retry(), error.operation()), (Retry::Safe, call.operation()), "{address}");
            assert!(error.detail().unwrap().contains(&address[..5]), "{error}");
        }
    }
}

async fn host_that_does_not_even_refuse_is_unreachable<N: Net>(net: fn() -> N, driver: &'static Driver) {
    // A listener whose queue is full answers no SYN.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(tcp)) =
        tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await
    {
        waiting.push(tcp);
    }
    let start = Instant::now();
    let error = Call::Upload.make(&driver.host(net(), address.port())).await.unwrap_err();
    is_kind("full queue", &error, ErrorKind::Unreachable);
    decent("full queue", &error);
    assert_eq!((error.retry(), error.operation()), (Retry::Safe, "upload"));
    assert!(start.elapsed() < limits().dial + Duration::from_secs(1), "{:?}", start.elapsed());
}
