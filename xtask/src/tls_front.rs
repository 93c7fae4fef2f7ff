//! Debian's nginx as a TLS front of an OctoPrint: its certificates, its servers, and what its log says of them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::expect::poll;
use crate::process::{Process, tied};
use crate::server::{free_ports, fresh_dir};
use crate::steps::{self, Result};
use crate::workspace::{command, write};

/// An own authority and an own certificate, as OpenSSL writes them.
const AUTHORITY: &str = "[dn]\nCN=printhost test authority\n[req]\ndistinguished_name=dn\nprompt=no\n\
    x509_extensions=ca\n[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";

const P256: &str = "ec -pkeyopt ec_paramgen_curve:P-256";

/// A running nginx, stopped on drop.
pub(crate) struct TlsFront {
    process: Process,
    dir: PathBuf,
    /// TLS 1.2 with a self-signed certificate of X.509 version 1, as printers have it.
    pub(crate) printer: u16,
    /// TLS 1.3 with a certificate of the own authority for the address 10.0.2.2.
    pub(crate) signed: u16,
    /// With a certificate of the own authority for another address and name.
    pub(crate) misnamed: u16,
    /// As `printer` by TLS 1.3, but it closes connections on which nothing is asked.
    pub(crate) impatient: u16,
    /// Plain HTTP.
    pub(crate) plain: u16,
    /// TLS 1.2 with a device's certificate of version 1, and the root above it sent beside.
    pub(crate) device: u16,
    /// Both, with a device's certificate of version 3, and the one above it sent beside.
    pub(crate) chained: u16,
    /// TLS 1.3 with the same certificate alone.
    pub(crate) alone: u16,
    /// A device's certificate with another serial number than the one that was signed.
    pub(crate) tampered: u16,
    /// A device's certificate that is signed by another one, which is no authority: `none`.
    pub(crate) of_none: u16,
    /// A device's certificate, and the one above it sent beside, below the authority `shallow`, which may have none in
    /// between.
    pub(crate) deep: u16,
    /// A device's certificate that this authority has signed itself.
    pub(crate) shallow: u16,
}

/// The common name of the devices' certificates.
pub(crate) const SERIAL: &str = "01P00A000000001";

/// What nginx knows of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) id: String,
    pub(crate) protocol: String,
    pub(crate) resumed: bool,
}

impl TlsFront {
    /// Starts nginx in front of what listens on that port of the loopback, and waits until it listens itself.
    ///
    /// It also ends when this process dies. That is tied to the calling thread, so call this on the main thread.
    pub(crate) fn start(behind: u16) -> Result<Self> {
        let dir = fresh_dir("tls-front")?;
        self_signed(&dir, "printer")?;
        authority(&dir, "ca")?;
        authority(&dir, "stranger")?;
        signed(&dir, "signed", "IP:10.0.2.2")?;
        signed(&dir, "misnamed", "IP:10.0.2.3,DNS:other.example")?;
        devices(&dir)?;
        unfit(&dir)?;
        let ports = free_ports::<12>()?;
        let servers = [
            ("printer", "TLSv1.2"),
            ("signed", "TLSv1.3"),
            ("misnamed", "TLSv1.2 TLSv1.3"),
            ("device", "TLSv1.2"),
            ("chained", "TLSv1.2 TLSv1.3"),
            ("alone", "TLSv1.3"),
            ("tampered", "TLSv1.2"),
            ("of-none", "TLSv1.2"),
            ("deep", "TLSv1.2"),
            ("shallow-leaf", "TLSv1.2"),
        ];
        let servers: String = servers
            .iter()
            .zip(&ports)
            .map(|((name, protocols), port)| server(name, protocols, *port, behind))
            .collect();
        // The handshake counts, too.
        let impatient = server("printer", "TLSv1.3; client_header_timeout 2s", ports[10], behind);
        let plain = format!("server {{ listen 127.0.0.1:{}; }}\n", ports[11]);
        write(&dir.join("nginx.conf"), nginx_conf(&(servers + &impatient + &plain)))?;
        let mut nginx = tied("nginx");
        nginx.args(["-e", "stderr", "-c", "nginx.conf", "-p"]).arg(&dir);
        let process = Process::logged("nginx", &mut nginx, &dir.join("error.log"))?;
        let [printer, signed, misnamed, device, chained, alone, tampered, of_none, deep, shallow, ..] = ports;
        let [.., impatient, plain] = ports;
        let mut front = Self {
            process,
            dir,
            printer,
            signed,
            misnamed,
            impatient,
            plain,
            device,
            chained,
            alone,
            tampered,
            of_none,
            deep,
            shallow,
        };
        front.wait_until_it_listens()?;
        Ok(front)
    }

    fn wait_until_it_listens(&mut self) -> Result {
        let heard = poll(|| {
            self.process.check()?;
            let heard = TcpStream::connect(("127.0.0.1", self.misnamed)).map(drop);
            Ok(heard.map_err(|error| format!("nginx does not listen: {error}")))
        });
        let log = self.dir.join("error.log");
        heard.map_err(|error| format!("{error}; see {}, or run `cargo xtask setup`", log.display()))
    }

    /// SHA-256 of a certificate's public key in base64, by openssl.
    pub(crate) fn pin(&self, name: &str) -> Result<String> {
        let script = "openssl x509 -in \"$0\" -pubkey -noout | openssl pkey -pubin -outform DER \
            | openssl dgst -sha256 -binary | openssl base64 -A";
        let output =
            steps::output(command("sh").args(["-c", script]).arg(self.dir.join(name).with_extension("crt")))?;
        Ok(output.trim().to_owned())
    }

    /// A certificate as DER in base64.
    pub(crate) fn certificate(&self, name: &str) -> Result<String> {
        let pem = fs::read_to_string(self.dir.join(name).with_extension("crt"))
            .map_err(|error| error.to_string())?;
        Ok(pem.lines().filter(|line| !line.starts_with("-----")).collect())
    }

    /// Some certificates as PEM, in base64.
    pub(crate) fn bundle(&self, names: &[&str]) -> Result<String> {
        let files = names.iter().map(|name| format!("{name}.crt")).collect::<Vec<_>>().join(" ");
        let script = format!("cat {files} | openssl base64 -A");
        Ok(steps::output(command("sh").current_dir(&self.dir).args(["-c", &script]))?.trim().to_owned())
    }

    /// As [`Self::connections`], once there are so many that have carried a request since there were `before`: nginx writes
    /// what it has answered after the answer, and what was a websocket after its end.
    pub(crate) fn connections_since(
        &self,
        port: u16,
        before: usize,
        count: usize,
    ) -> Result<Vec<Connection>> {
        poll(|| {
            let mut connections = self.connections(port)?;
            Ok(match connections.len() >= before + count {
                true => Ok(connections.split_off(before)),
                false => Err(format!("nginx knows {connections:?}")),
            })
        })
    }

    /// The connections to a port that have carried a request so far, oldest first.
    pub(crate) fn connections(&self, port: u16) -> Result<Vec<Connection>> {
        let log = fs::read_to_string(self.dir.join("access.log")).map_err(|error| error.to_string())?;
        let mut connections = Vec::new();
        for line in log.lines() {
            let [to, id, protocol, reused] = line.split(' ').collect::<Vec<_>>()[..] else {
                return Err(format!("nginx has logged {line:?}"));
            };
            let connection = Connection { id: id.into(), protocol: protocol.into(), resumed: reused == "r" };
            if to == port.to_string() && !connections.contains(&connection) {
                connections.push(connection);
            }
        }
        connections.sort_by_key(|connection| connection.id.parse::<u64>().unwrap_or(0));
        Ok(connections)
    }
}

/// What a [`forger`] makes of the signature by which a server proves to have its certificate's key.
#[derive(Clone, Copy)]
pub(crate) enum Forgery {
    /// Another one: what somebody gets who has copied the certificate.
    Spoilt,
    /// One that says it was made with SHA-1.
    WithSha1,
}

/// Passes connections on to a port of TLS 1.2, but forges the server's signature. Ends with this program.
pub(crate) fn forger(of: u16, forgery: Forgery) -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| format!("the forger: {error}"))?;
    let port = listener.local_addr().map_err(|error| format!("the forger: {error}"))?.port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let _ = forge(client, of, forgery);
        }
    });
    Ok(port)
}

fn forge(mut client: TcpStream, of: u16, forgery: Forgery) -> std::io::Result<()> {
    const HANDSHAKE: u8 = 22;
    const SERVER_KEY_EXCHANGE: u8 = 12;
    let mut server = TcpStream::connect(("127.0.0.1", of))?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
    loop {
        let mut head = [0; 5];
        server.read_exact(&mut head)?;
        let mut record = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        server.read_exact(&mut record)?;
        if head[0] == HANDSHAKE && record.first() == Some(&SERVER_KEY_EXCHANGE) {
            // Behind the header, the curve, and the public key: the scheme, then the signature.
            let scheme = 8 + usize::from(record[7]);
            match forgery {
                Forgery::Spoilt => *record.last_mut().unwrap_or(&mut 0) ^= 1,
                Forgery::WithSha1 => record[scheme] = 2,
            }
        }
        client.write_all(&head)?;
        client.write_all(&record)?;
    }
}

fn nginx_conf(servers: &str) -> String {
    format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n\
         log_format tls '$server_port $connection $ssl_protocol $ssl_session_reused';\n\
         access_log access.log tls;\n\
         client_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\n\
         uwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n\
         client_max_body_size 0;\nproxy_request_buffering off;\nproxy_read_timeout 1h;\n\
         proxy_http_version 1.1;\nproxy_set_header Host $http_host;\nproxy_set_header X-Scheme https;\n\
         map $http_upgrade $up {{ default upgrade; '' ''; }}\n\
         proxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection $up;\n\
         ssl_session_cache shared:sessions:1m;\n{servers}}}\n"
    )
}

fn server(name: &str, protocols: &str, port: u16, behind: u16) -> String {
    format!(
        "server {{ listen 127.0.0.1:{port} ssl; ssl_protocols {protocols};\n\
         ssl_certificate {name}.crt; ssl_certificate_key {name}.key;\n\
         location / {{ proxy_pass http://127.0.0.1:{behind}; }} }}\n"
    )
}

/// RSA-2048 and version 1: what OpenSSL makes of a request without extensions.
fn self_signed(dir: &Path, name: &str) -> Result {
    request(dir, name, "rsa:2048", name)?;
    certify(dir, name, &format!("-signkey {name}.key"), "")?;
    let mut show = command("openssl");
    show.current_dir(dir).args(["x509", "-noout", "-text", "-in", &format!("{name}.crt")]);
    match steps::output(&mut show)?.contains("Version: 1 ") {
        true => Ok(()),
        false => Err("OpenSSL has not made a certificate of version 1".into()),
    }
}

fn authority(dir: &Path, name: &str) -> Result {
    authority_with(dir, name, "CA:TRUE")
}

fn authority_with(dir: &Path, name: &str, constraints: &str) -> Result {
    write(&dir.join("ca.conf"), AUTHORITY.replace("CA:TRUE", constraints))?;
    let how = "-x509 -config ca.conf -days 3650";
    openssl(dir, &format!("req {how} -newkey {P256} -nodes -keyout {name}.key -out {name}.crt"))
}

fn signed(dir: &Path, name: &str, names: &str) -> Result {
    request(dir, name, P256, name)?;
    certify(dir, name, &by("ca"), &format!("subjectAltName={names}"))
}

/// What a maker of printers does: an authority, of which one leaf has version 1; and another authority below it, with a
/// leaf of version 3.
fn devices(dir: &Path) -> Result {
    authority(dir, "devices")?;
    request(dir, "device", "rsa:2048", SERIAL)?;
    certify(dir, "device", &by("devices"), "")?;
    request(dir, "below", P256, "devices-below")?;
    certify(dir, "below", &by("devices"), "basicConstraints=critical,CA:TRUE")?;
    request(dir, "alone", P256, SERIAL)?;
    certify(dir, "alone", &by("below"), "basicConstraints=CA:FALSE")?;
    let read = |name: &str| {
        fs::read_to_string(dir.join(name)).map_err(|error| format!("cannot read {name}: {error}"))
    };
    write(&dir.join("chained.key"), read("alone.key")?)?;
    write(&dir.join("chained.crt"), read("alone.crt")? + &read("below.crt")?)?;
    write(&dir.join("device.crt"), read("device.crt")? + &read("devices.crt")?)
}

/// What no maker of printers does.
fn unfit(dir: &Path) -> Result {
    const OTHER: &str = "01P00A000000009";
    let leaf = |name: &str, serial: &str, above: &str| {
        request(dir, name, P256, serial)?;
        certify(dir, name, &by(above), "basicConstraints=CA:FALSE")
    };
    authority_with(dir, "none", "CA:FALSE")?;
    leaf("of-none", SERIAL, "none")?;
    authority_with(dir, "shallow", "CA:TRUE,pathlen:0")?;
    leaf("shallow-leaf", SERIAL, "shallow")?;
    request(dir, "between", P256, "between")?;
    certify(dir, "between", &by("shallow"), "basicConstraints=critical,CA:TRUE")?;
    leaf("deep", SERIAL, "between")?;
    let read = |name: &str| fs::read(dir.join(name)).map_err(|error| format!("cannot read {name}: {error}"));
    write(&dir.join("deep.crt"), [read("deep.crt")?, read("between.crt")?].concat())?;

    leaf("tampered", OTHER, "devices")?;
    openssl(dir, "x509 -in tampered.crt -outform DER -out tampered.der")?;
    let mut der = read("tampered.der")?;
    let at = der.windows(OTHER.len()).position(|bytes| bytes == OTHER.as_bytes());
    let at = at.ok_or("the certificate is for nobody")?;
    der[at..at + SERIAL.len()].copy_from_slice(SERIAL.as_bytes());
    write(&dir.join("tampered.der"), der)?;
    openssl(dir, "x509 -inform DER -in tampered.der -out tampered.crt")
}

/// A key, and a request for its certificate.
fn request(dir: &Path, name: &str, key: &str, subject: &str) -> Result {
    let files = format!("-keyout {name}.key -out {name}.csr");
    openssl(dir, &format!("req -new -newkey {key} -nodes -subj /CN={subject} {files}"))
}

/// The certificate; without extensions it has version 1.
fn certify(dir: &Path, name: &str, by: &str, extensions: &str) -> Result {
    write(&dir.join(format!("{name}.ext")), format!("{extensions}\n"))?;
    let with = if extensions.is_empty() { String::new() } else { format!(" -extfile {name}.ext") };
    openssl(dir, &format!("x509 -req -in {name}.csr {by} -days 3650{with} -out {name}.crt"))
}

fn by(authority: &str) -> String {
    format!("-CA {authority}.crt -CAkey {authority}.key -CAcreateserial")
}

fn openssl(dir: &Path, args: &str) -> Result {
    let mut openssl = Command::new("openssl");
    openssl.current_dir(dir).args(args.split(' ')).stdin(Stdio::null());
    let output = openssl.output().map_err(|error| format!("cannot run openssl: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("openssl {args}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}
