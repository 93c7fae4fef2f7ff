//! Debian's nginx as a TLS front of an OctoPrint: its certificates, its servers, and what its log says of them.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::octoprint::free_ports;
use crate::steps::{self, Result};
use crate::workspace::{self, command, remove_dir};

/// An own authority and an own certificate, as OpenSSL writes them.
const AUTHORITY: &str = "[dn]\nCN=printhost test authority\n[req]\ndistinguished_name=dn\nprompt=no\n\
    x509_extensions=ca\n[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";

/// A running nginx, stopped on drop.
pub(crate) struct TlsFront {
    process: Child,
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
        let dir = workspace::target_dir().join(format!("tls-front-{}", std::process::id()));
        remove_dir(&dir)?;
        fs::create_dir_all(&dir).map_err(|error| format!("cannot create {}: {error}", dir.display()))?;
        self_signed(&dir, "printer")?;
        authority(&dir, "ca")?;
        authority(&dir, "stranger")?;
        signed(&dir, "signed", "IP:10.0.2.2")?;
        signed(&dir, "misnamed", "IP:10.0.2.3,DNS:other.example")?;
        devices(&dir)?;
        unfit(&dir)?;
        let ports = free_ports(12)?;
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
        write(&dir.join("nginx.conf"), &nginx_conf(&(servers + &impatient + &plain)))?;
        let errors = File::create(dir.join("error.log")).map_err(|error| format!("nginx's log: {error}"))?;
        let process = command("setpriv")
            .args(["--pdeathsig", "KILL", "--", "nginx", "-e", "stderr", "-c", "nginx.conf", "-p"])
            .arg(&dir)
            .stdin(Stdio::null())
            .stderr(errors)
            .spawn()
            .map_err(|error| format!("cannot start nginx: {error}; run `cargo xtask setup`"))?;
        let [
            printer,
            signed,
            misnamed,
            device,
            chained,
            alone,
            tampered,
            of_none,
            deep,
            shallow,
            impatient,
            plain,
        ] = ports[..]
        else {
            return Err("there are too few free ports".into());
        };
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
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", self.misnamed)).is_err() {
            let ended = self.process.try_wait().map_err(|error| format!("nginx: {error}"))?;
            if ended.is_some() || Instant::now() > deadline {
                return Err(format!("nginx does not listen; see {}", self.dir.join("error.log").display()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
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

impl Drop for TlsFront {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.dir);
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
    openssl(
        dir,
        &format!("req -new -newkey rsa:2048 -nodes -subj /CN=printer -keyout {name}.key -out {name}.csr"),
    )?;
    openssl(dir, &format!("x509 -req -in {name}.csr -signkey {name}.key -days 3650 -out {name}.crt"))?;
    let text = steps::output(
        command("openssl")
            .current_dir(dir)
            .args(["x509", "-noout", "-text", "-in"])
            .arg(format!("{name}.crt")),
    )?;
    match text.contains("Version: 1 ") {
        true => Ok(()),
        false => Err("OpenSSL has not made a certificate of version 1".into()),
    }
}

fn authority(dir: &Path, name: &str) -> Result {
    write(&dir.join("ca.conf"), AUTHORITY)?;
    openssl(
        dir,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config ca.conf -days 3650 -keyout {name}.key -out {name}.crt"
        ),
    )
}

fn signed(dir: &Path, name: &str, names: &str) -> Result {
    write(&dir.join(format!("{name}.ext")), &format!("subjectAltName={names}\n"))?;
    openssl(
        dir,
        &format!(
            "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"
        ),
    )?;
    openssl(
        dir,
        &format!(
            "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -extfile {name}.ext -out {name}.crt"
        ),
    )
}

/// What a maker of printers does: an authority, of which one leaf has version 1; and another authority below it, with a
/// leaf of version 3.
fn devices(dir: &Path) -> Result {
    const P256: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    const BY: &str = "-CAcreateserial -days 3650";
    authority(dir, "devices")?;
    openssl(
        dir,
        &format!("req -new -newkey rsa:2048 -nodes -subj /CN={SERIAL} -keyout device.key -out device.csr"),
    )?;
    openssl(
        dir,
        &format!("x509 -req -in device.csr -CA devices.crt -CAkey devices.key {BY} -out device.crt"),
    )?;
    write(&dir.join("below.ext"), "basicConstraints=critical,CA:TRUE\n")?;
    openssl(dir, &format!("req -new {P256} -subj /CN=devices-below -keyout below.key -out below.csr"))?;
    openssl(
        dir,
        &format!(
            "x509 -req -in below.csr -CA devices.crt -CAkey devices.key {BY} -extfile below.ext -out below.crt"
        ),
    )?;
    write(&dir.join("alone.ext"), "basicConstraints=CA:FALSE\n")?;
    openssl(dir, &format!("req -new {P256} -subj /CN={SERIAL} -keyout alone.key -out alone.csr"))?;
    openssl(
        dir,
        &format!(
            "x509 -req -in alone.csr -CA below.crt -CAkey below.key {BY} -extfile alone.ext -out alone.crt"
        ),
    )?;
    let read = |name: &str| {
        fs::read_to_string(dir.join(name)).map_err(|error| format!("cannot read {name}: {error}"))
    };
    write(&dir.join("chained.key"), &read("alone.key")?)?;
    write(&dir.join("chained.crt"), &(read("alone.crt")? + &read("below.crt")?))?;
    write(&dir.join("device.crt"), &(read("device.crt")? + &read("devices.crt")?))
}

/// What no maker of printers does.
fn unfit(dir: &Path) -> Result {
    const P256: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    const OTHER: &str = "01P00A000000009";
    let root = |name: &str, constraints: &str| {
        write(&dir.join("unfit.conf"), &AUTHORITY.replace("CA:TRUE", constraints))?;
        openssl(
            dir,
            &format!("req -x509 {P256} -config unfit.conf -days 3650 -keyout {name}.key -out {name}.crt"),
        )
    };
    let below = |name: &str, serial: &str, above: &str, constraints: &str| {
        write(&dir.join("unfit.ext"), &format!("basicConstraints={constraints}\n"))?;
        openssl(dir, &format!("req -new {P256} -subj /CN={serial} -keyout {name}.key -out {name}.csr"))?;
        openssl(
            dir,
            &format!(
                "x509 -req -in {name}.csr -CA {above}.crt -CAkey {above}.key -CAcreateserial -days 3650 -extfile unfit.ext -out {name}.crt"
            ),
        )
    };
    root("none", "CA:FALSE")?;
    below("of-none", SERIAL, "none", "CA:FALSE")?;
    root("shallow", "CA:TRUE,pathlen:0")?;
    below("shallow-leaf", SERIAL, "shallow", "CA:FALSE")?;
    below("between", "between", "shallow", "critical,CA:TRUE")?;
    below("deep", SERIAL, "between", "CA:FALSE")?;
    let read = |name: &str| fs::read(dir.join(name)).map_err(|error| format!("cannot read {name}: {error}"));
    let chain = [read("deep.crt")?, read("between.crt")?].concat();
    fs::write(dir.join("deep.crt"), chain).map_err(|error| error.to_string())?;

    below("tampered", OTHER, "devices", "CA:FALSE")?;
    openssl(dir, "x509 -in tampered.crt -outform DER -out tampered.der")?;
    let mut der = read("tampered.der")?;
    let at =
        der.windows(OTHER.len()).position(|bytes| bytes == OTHER.as_bytes()).ok_or("no serial number")?;
    der[at..at + SERIAL.len()].copy_from_slice(SERIAL.as_bytes());
    fs::write(dir.join("tampered.der"), der).map_err(|error| error.to_string())?;
    openssl(dir, "x509 -inform DER -in tampered.der -out tampered.crt")
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

fn write(path: &Path, text: &str) -> Result {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
