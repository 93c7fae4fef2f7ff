//! Pictures of cameras and of files.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::mpsc::{Receiver, channel},
};

use printhost::{Camera, ErrorKind, PrintHost, Upload, net::Net, net_tokio::PortableNet};

use super::peer::Peer;

const JPEG: &[u8] = b"\xff\xd8\xff\xe0 not much of a picture";

/// 16 by 16 pixels, red.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFklEQVR42mP4z8BAEmIY1TCqYfhqAACQ+f8B8u7oVwAAAABJRU5ErkJggg==";

/// A camera: answers every connection with one answer and hands over what it was asked.
fn camera(answer: Vec<u8>) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
                head.push(byte[0]);
            }
            let _ = stream.write_all(&answer);
            if asked.send(String::from_utf8(head).unwrap()).is_err() {
                return;
            }
        }
    });
    (address, requests)
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

async fn pictures<N: Net>(net: N, name: &str) {
    let peer = Peer::from_environment();
    let host = peer.octoprint(net);
    let at = |source: String| {
        let mut camera = Camera::default();
        camera.snapshot = Some(source);
        camera
    };

    // Elsewhere: no credentials.
    let (address, requests) = camera(answer("200 OK\r\nContent-Type: image/jpeg", JPEG));
    let mut picture = Vec::new();
    let elsewhere = at(format!("http://{address}/?action=snapshot"));
    assert_eq!(host.snapshot(&elsewhere, &mut picture).await.unwrap(), JPEG.len() as u64);
    assert_eq!(picture, JPEG);
    let asked = requests.recv().unwrap();
    assert!(asked.starts_with("GET /?action=snapshot HTTP/1.1\r\n"), "{asked}");
    assert!(!asked.contains(&peer.key) && !asked.to_lowercase().contains("api-key"), "{asked}");

    // Nowhere is a redirect followed, and what is no picture is none.
    let (target, followed) = camera(answer("200 OK\r\nContent-Type: image/jpeg", JPEG));
    let (address, _asked) = camera(answer(
        &format!("302 Found\r\nLocation: http://{target}/stolen\r\nContent-Type: image/jpeg"),
        b"",
    ));
    let error = host.snapshot(&at(format!("http://{address}/")), &mut picture).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Redirected);
    assert!(followed.try_recv().is_err(), "the redirect was followed");
    let (address, _asked) = camera(answer("200 OK\r\nContent-Type: text/html", b"<html>"));
    let error = host.snapshot(&at(format!("http://{address}/")), &mut picture).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    let error = host.snapshot(&Camera::default(), &mut picture).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(picture, JPEG, "nothing was written by what failed");

    // On OctoPrint itself, from its root.
    for source in ["static/img/tentacle-32x32.png", "/static/img/tentacle-32x32.png"] {
        let mut picture = Vec::new();
        host.snapshot(&at(source.to_owned()), &mut picture).await.unwrap();
        assert_eq!(picture, peer.curl_bytes(&[], "/static/img/tentacle-32x32.png").1);
    }

    let shown = peer.curl("/api/settings").1["webcam"]["webcams"].clone();
    let cameras = host.cameras().await.unwrap();
    assert_eq!(cameras.len(), shown.as_array().unwrap().len());
    if let Some(first) = cameras.first() {
        // Where this server has its bundled camera plugin.
        assert_eq!(first.name, shown[0]["displayName"].as_str().unwrap());
        let (address, requests) = camera(answer("200 OK\r\nContent-Type: image/jpeg", JPEG));
        let settings = format!(
            r#"{{"plugins": {{"classicwebcam": {{"snapshot": "http://{address}/x.jpg", "stream": "/webcam/?action=stream"}}}}}}"#
        );
        assert_eq!(peer.post("/api/settings", &settings).0, 200);
        let cameras = host.cameras().await.unwrap();
        let stream = format!("{}/webcam/?action=stream", peer.url.base().origin);
        assert_eq!(cameras[0].stream.as_deref(), Some(stream.as_str()));
        let mut picture = Vec::new();
        host.snapshot(&cameras[0], &mut picture).await.unwrap();
        assert_eq!(picture, JPEG, "through OctoPrint, which knows the camera's address");
        assert!(!requests.recv().unwrap().contains(&peer.key));
        let settings = r#"{"plugins": {"classicwebcam": {"snapshot": "", "stream": ""}}}"#;
        assert_eq!(peer.post("/api/settings", settings).0, 200);
        assert_eq!(
            (
                host.cameras().await.unwrap()[0].stream.clone(),
                host.cameras().await.unwrap()[0].snapshot.clone()
            ),
            (None, None)
        );
    }

    let gcode = format!("; thumbnail begin 16x16 {}\n; {PNG}\n; thumbnail end\nG28\n", PNG.len());
    let path = format!("picture \u{fc} {}-{name}.gcode", std::process::id());
    host.upload(Upload::new(&path, gcode.len() as u64, &mut gcode.as_bytes())).await.unwrap();
    let info = host.file_info(&path).await.unwrap();
    assert_eq!((info.entry.path.as_str(), info.entry.size), (path.as_str(), Some(gcode.len() as u64)));
    assert_eq!(info.thumbnails.len(), usize::from(peer.is_second()), "1.x has none of its own");
    for thumbnail in &info.thumbnails {
        assert_eq!(thumbnail.size, Some((16, 16)));
        let mut picture = Vec::new();
        host.thumbnail(thumbnail, &mut picture).await.unwrap();
        assert_eq!(picture[..8], *b"\x89PNG\r\n\x1a\n");
        let encoded = path.replace(' ', "%20").replace('\u{fc}', "%C3%BC");
        assert_eq!(picture, peer.curl_bytes(&[], &format!("/downloads/thumbs/local/{encoded}")).1);
    }
    host.delete(&path).await.unwrap();
    assert_eq!(host.file_info(&path).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(host.file_info("no folder/x.gcode").await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn pictures_are_fetched_and_the_key_stays_with_octoprint_over_hyper() {
    pictures(printhost::HyperNet::new(), "hyper").await;
}

#[tokio::test]
async fn pictures_are_fetched_and_the_key_stays_with_octoprint_over_the_portable_client() {
    pictures(PortableNet::new(), "portable").await;
}
