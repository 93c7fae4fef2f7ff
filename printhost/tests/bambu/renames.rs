//! What becomes of the older file when the new one does not get its name. The server is a few lines of this file: a printer
//! that refuses to rename is not known, and not ruled out.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use printhost::{
    ErrorKind,
    net::{
        Origin,
        ftp::{Ftp, Settings},
    },
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use super::harness::net;

type Files = Arc<Mutex<BTreeSet<String>>>;
/// The answer to RNTO, from the name and what there is.
type Rename = fn(&str, &BTreeSet<String>) -> u16;

/// A server that has `x` and knows no sizes.
async fn server(rename: Rename) -> (SocketAddr, Files) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let files: Files = Arc::new(Mutex::new(["/x".to_owned()].into()));
    let (addr, kept) = (listener.local_addr().unwrap(), Arc::clone(&files));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(serve(client, Arc::clone(&kept), rename));
        }
    });
    (addr, files)
}

async fn serve(client: TcpStream, files: Files, rename: Rename) {
    let mut client = BufReader::new(client);
    let passive = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = passive.local_addr().unwrap().port();
    let mut from = String::new();
    client.write_all(b"220 here\r\n").await.unwrap();
    let mut line = String::new();
    while client.read_line(&mut line).await.is_ok_and(|n| n > 0) {
        let (command, path) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
        let is_there = files.lock().unwrap().contains(path);
        let answer = match command {
            "USER" => "331 and".to_owned(),
            "PASS" => "230 in".to_owned(),
            "PASV" => format!("227 (127,0,0,1,{},{})", port / 256, port % 256),
            "STOR" => {
                let (mut data, _) = passive.accept().await.unwrap();
                client.write_all(b"150 go\r\n").await.unwrap();
                let _ = data.read_to_end(&mut Vec::new()).await;
                files.lock().unwrap().insert(path.to_owned());
                "226 stored".to_owned()
            }
            "RNFR" if is_there => {
                from = path.to_owned();
                "350 to".to_owned()
            }
            "DELE" if is_there => {
                files.lock().unwrap().remove(path);
                "250 gone".to_owned()
            }
            "RNFR" | "DELE" => "550 none".to_owned(),
            "RNTO" => {
                let mut files = files.lock().unwrap();
                let code = rename(path, &files);
                if code == 250 {
                    files.remove(&from);
                    files.insert(path.to_owned());
                }
                format!("{code} so")
            }
            "TYPE" | "QUIT" => "200 ok".to_owned(),
            _ => "502 what".to_owned(),
        };
        client.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
        line.clear();
    }
}

#[tokio::test]
async fn older_file_is_deleted_only_when_it_is_what_a_rename_is_refused_for() {
    let in_the_way: Rename = |path, files| if files.contains(path) { 553 } else { 250 };
    let cases: [(Rename, Option<ErrorKind>, &[&str]); 4] = [
        (in_the_way, None, &["/x"]),
        (|_, _| 250, None, &["/x"]),
        (|_, _| 451, Some(ErrorKind::HostFault), &["/x", "/x.part"]),
        (|_, _| 553, Some(ErrorKind::Conflict), &["/x.part"]),
    ];
    for (n, (rename, kind, left)) in cases.into_iter().enumerate() {
        let (addr, files) = server(rename).await;
        let (net, password) = (net(), "12345678".into());
        let origin = Origin::http("127.0.0.1", addr.port());
        let mut ftp = Ftp::connect(&net, origin, "bblp", &password, Settings::default()).await.unwrap();
        let replaced = ftp.replace("x", &mut &b"new"[..], 3).await;
        assert_eq!(replaced.as_ref().err().map(printhost::Error::kind), kind, "{n}: {replaced:?}");
        assert!(files.lock().unwrap().iter().eq(left), "{n}: {files:?}");
        if let Err(error) = replaced {
            let told = error.detail().unwrap();
            assert!(told.contains("whole as x.part"), "{n}: {error}");
            assert_eq!(told.contains("older file is deleted"), left.len() == 1, "{n}: {error}");
        }
    }
}
