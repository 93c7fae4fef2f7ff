//! Certificates as printers have them.

use std::{fs, path::Path, process::Command};

use printhost::Trust;
use sha2::{Digest as _, Sha256};

/// Which X.509 a certificate is: older printers have the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V3,
}

/// Makes `key.pem`, `cert.pem` and `both.pem` in the folder, self-signed, and returns the trust in that key.
pub(crate) fn make(folder: &Path, version: Version) -> Trust {
    let script = match version {
        Version::V3 => {
            "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 30 -subj /CN=03900A1"
        }
        Version::V1 => {
            "openssl req -newkey rsa:2048 -nodes -keyout key.pem -subj /CN=03900A1 -out request.pem && \
             openssl x509 -req -in request.pem -signkey key.pem -out cert.pem -days 30"
        }
    };
    run(folder, script);
    run(
        folder,
        "cat key.pem cert.pem > both.pem && openssl pkey -in key.pem -pubout -outform DER -out spki.der",
    );
    let text = run(folder, "openssl x509 -in cert.pem -noout -text");
    let told = if version == Version::V1 { "Version: 1 " } else { "Version: 3 " };
    assert!(text.contains(told), "{text}");
    Trust::PinnedKey(Sha256::digest(fs::read(folder.join("spki.der")).unwrap()).into())
}

fn run(folder: &Path, script: &str) -> String {
    let output = Command::new("sh").args(["-ec", script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
