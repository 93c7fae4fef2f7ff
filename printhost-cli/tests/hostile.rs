//! A host that wants the terminal to obey it.

mod common;

use common::run;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

/// Clears the screen, sets the title, and begins a line of its own.
const EVIL: &str = r"\u001b[2J\u001b]0;owned\u0007\r\n    Finished part.gcode\u009b31m";

/// Answers everything like an OctoPrint whose every text is evil.
async fn evil() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let url = format!("octoprint://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") && tcp.read_buf(&mut head).await.is_ok_and(|n| n > 0) {}
                let head = String::from_utf8_lossy(&head).into_owned();
                let path = head.split(' ').nth(1).unwrap_or_default();
                let body = match path {
                    "/api/version" => format!(r#"{{"api":"0.1","server":"{EVIL}","text":"OctoPrint"}}"#),
                    "/api/job" => format!(r#"{{"job":{{"file":{{"path":"{EVIL}"}}}},"state":"{EVIL}"}}"#),
                    "/api/settings" => {
                        format!(
                            r#"{{"webcam":{{"webcams":[{{"name":"{EVIL}","compat":{{"stream":"{EVIL}"}}}}]}}}}"#
                        )
                    }
                    path if path.starts_with("/api/printer") => format!(
                        r#"{{"state":{{"text":"{EVIL}","error":"{EVIL}","flags":{{"operational":true}}}}}}"#
                    ),
                    path if path.starts_with("/api/files/local?") => {
                        format!(r#"{{"files":[{{"path":"{EVIL}","type":"machinecode","size":1}}]}}"#)
                    }
                    _ => format!(r#"{{"path":"{EVIL}","type":"machinecode","size":1,"error":"{EVIL}"}}"#),
                };
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                let _ = tcp.write_all(answer.as_bytes()).await;
                let _ = tcp.shutdown().await;
            });
        }
    });
    url
}

#[tokio::test]
async fn what_a_printer_says_cannot_steer_the_terminal() {
    let url = evil().await;
    for args in [
        &["status", &url][..],
        &["status", &url, "octoprint://127.0.0.1:1"],
        &["files", "list", &url],
        &["files", "info", &url, "x.gcode"],
        &["camera", &url],
        &["camera", &url, "--list"],
        &["camera", &url, "--name", "none"],
    ] {
        let ran = run("key", args).await;
        let shown = ran.stdout + &ran.stderr;
        assert!(!shown.is_empty(), "{args:?}");
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{args:?}: {shown:?}");
        let forged = shown.lines().any(|line| line.trim_start().starts_with("Finished"));
        assert!(!forged, "{args:?}: {shown:?}");
    }
}
