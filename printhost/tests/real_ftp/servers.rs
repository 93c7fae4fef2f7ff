//! Servers out of Debian's packages, each with a folder of its own.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use printhost::{
    Secret, Trust,
    net::{Origin, TlsVersions},
};
use printhost_testkit::runner::debian_program;

use super::certificates::{Version, make};

pub(crate) struct Server {
    process: Child,
    folder: PathBuf,
    pub(crate) user: &'static str,
    pub(crate) password: Secret,
    pub(crate) port: u16,
    /// It speaks TLS after `AUTH TLS` only.
    pub(crate) is_explicit: bool,
    trust: Trust,
    /// Where its root is in paths: a server that runs as an ordinary user cannot change its root.
    prefix: String,
}

impl Server {
    /// vsftpd, as printers with an ARM processor run it: TLS from the first byte, and data connections must resume the
    /// session. Anonymous, which takes neither root nor PAM.
    pub(crate) fn vsftpd(version: Version) -> Self {
        let (folder, port) = (fresh_folder("vsftpd"), free_port());
        let trust = make(&folder, version);
        let root = folder.join("root");
        fs::create_dir(&root).unwrap();
        let shown = folder.display();
        let config = format!(
            "listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\nrun_as_launching_user=YES\n\
             anonymous_enable=YES\nlocal_enable=NO\nwrite_enable=YES\nanon_upload_enable=YES\nanon_umask=022\n\
             anon_mkdir_write_enable=YES\nanon_other_write_enable=YES\nanon_world_readable_only=NO\n\
             anon_root={shown}/root\nallow_writeable_chroot=YES\nftp_username=nobody\nseccomp_sandbox=NO\n\
             ssl_enable=YES\nimplicit_ssl=YES\nallow_anon_ssl=YES\nforce_anon_logins_ssl=YES\n\
             force_anon_data_ssl=YES\nrequire_ssl_reuse=YES\nssl_ciphers=HIGH\nrsa_cert_file={shown}/cert.pem\n\
             rsa_private_key_file={shown}/key.pem\nxferlog_enable=NO\ndata_connection_timeout=20\n"
        );
        fs::write(folder.join("vsftpd.conf"), config).unwrap();
        let mut program = debian_program("usr/sbin/vsftpd");
        program.arg(folder.join("vsftpd.conf"));
        let process = start(&mut program, &folder, port);
        let prefix = root.to_str().unwrap().trim_start_matches('/').to_owned() + "/";
        let (user, password) = ("anonymous", Secret::new("nobody@example.com"));
        Self { process, folder, user, password, port, is_explicit: false, trust, prefix }
    }

    /// pure-ftpd with a user and a password of its own, which resumes no session; `None` where we are not root.
    pub(crate) fn pure_ftpd() -> Option<Self> {
        let (folder, port) = (fresh_folder("pure"), free_port());
        if chown(&folder, Some(65534), Some(65534)).is_err() {
            println!("not run: pure-ftpd wants to be started by root");
            return None;
        }
        let trust = make(&folder, Version::V3);
        let root = folder.join("root");
        fs::create_dir(&root).unwrap();
        chown(&root, Some(65534), Some(65534)).unwrap();
        // pure-pw's own hash takes seconds for every login.
        let hash = openssl(&["passwd", "-5", "12345678"]);
        let user = format!("bblp:{}:65534:65534::{}/./::::::::::::\n", hash.trim(), root.display());
        fs::write(folder.join("users"), user).unwrap();
        let mut users = debian_program("usr/bin/pure-pw");
        users.arg("mkdb").arg(folder.join("users.pdb")).arg("-f").arg(folder.join("users"));
        assert!(users.status().unwrap().success());
        let mut program = debian_program("usr/sbin/pure-ftpd");
        let file = |name: &str| folder.join(name).display().to_string();
        program.args(["-Y", "3", "-2", &file("both.pem"), "-l", &format!("puredb:{}", file("users.pdb"))]);
        program.args(["-A", "-E", "-H", "-D", "-z", "-u", "1000", "-S", &format!("127.0.0.1,{port}")]);
        program.args(["-g", &file("pid")]);
        let process = start(&mut program, &folder, port);
        let (user, password) = ("bblp", Secret::new("12345678"));
        let prefix = String::new();
        Some(Self { process, folder, user, password, port, is_explicit: true, trust, prefix })
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin::tls("127.0.0.1", self.port, self.trust.clone()).with_versions(TlsVersions::Only12)
    }

    /// A path as the client has to give it.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}{name}", self.prefix).trim_end_matches('/').to_owned()
    }

    /// The folder itself, as the client has to give it.
    pub(crate) fn home(&self) -> String {
        self.path("")
    }

    /// The same file in the file system.
    pub(crate) fn on_disk(&self, name: &str) -> PathBuf {
        self.folder.join("root").join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.on_disk(name)).ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn openssl(args: &[&str]) -> String {
    let output = Command::new("openssl").args(args).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn fresh_folder(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("printhost-{name}-{}-{count}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Returns when it listens.
fn start(program: &mut Command, folder: &Path, port: u16) -> Child {
    let log = fs::File::create(folder.join("log")).unwrap();
    program.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    let mut process = program.spawn().unwrap();
    let begin = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        let ended = process.try_wait().unwrap();
        let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(ended.is_none() && begin.elapsed() < Duration::from_secs(10), "{ended:?} {}", log());
        std::thread::yield_now();
    }
    process
}
