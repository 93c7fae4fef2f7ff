//! Which names PrusaLink takes, and how paths become addresses.

use alloc::string::String;

use printhost_core::{Error, ErrorKind, RemotePath, Result};
use printhost_net::proto::percent::encode_path;

use crate::host::{Family, Home};

/// A longer name is refused by the Pi, which appends to it while it is stored.
const MAX_NAME: usize = 248;

/// A path of the caller, in the name of an operation.
pub(crate) fn parse<'a>(operation: &'static str, path: &'a str) -> Result<RemotePath<'a>> {
    RemotePath::parse(path).map_err(|e| e.in_operation(operation))
}

/// Refuses what PrusaLink would refuse or store under another name, so that nothing is sent in vain.
pub(crate) fn check_new(operation: &'static str, family: Family, path: RemotePath<'_>) -> Result<()> {
    let refuse = |why: &str| Err(Error::new(ErrorKind::InvalidInput, operation).with_detail(why));
    let forbidden = |c: char| match family {
        Family::Pi => "\\?\"%¯°#ˇ".contains(c),
        Family::Firmware => "\\?\"%:*<>|".contains(c),
    };
    if let Some(c) = path.as_str().chars().find(|c| forbidden(*c)) {
        let why = Error::new(ErrorKind::InvalidInput, operation);
        return Err(why.with_detail(format_args!("PrusaLink takes no {c} in a name")));
    }
    for name in path.as_str().split('/') {
        if name.len() > MAX_NAME {
            return refuse("PrusaLink takes no name of more than 248 bytes");
        }
        // FAT has neither, so two names would be one file.
        if family == Family::Firmware && name.ends_with(['.', ' ']) {
            return refuse("the printer's storage knows no name that ends with a dot or a blank");
        }
    }
    Ok(())
}

/// As [`check_new`], for a file to be printed.
pub(crate) fn check_new_file(operation: &'static str, family: Family, path: RemotePath<'_>) -> Result<()> {
    check_new(operation, family, path)?;
    let known: &[&str] = match family {
        Family::Pi => &[".gcode", ".gco", ".gc", ".g"],
        Family::Firmware => &[".gcode", ".gco", ".gc", ".g", ".bgcode", ".bgc"],
    };
    let name = path.name().as_bytes();
    let ends_with = |end: &&str| {
        name.len() > end.len() && name[name.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes())
    };
    match known.iter().any(ends_with) {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::InvalidInput, operation)
            .with_detail("the name does not end like that of G-code (.gcode)")),
    }
}

/// The route of a file or folder; the storage itself for the empty path.
pub(crate) fn route(home: &Home, path: &str) -> String {
    let mut route = String::from("/api/v1/files");
    encode_path(&mut route, &home.storage.path);
    if !path.is_empty() {
        route.push('/');
        encode_path(&mut route, path);
    }
    route
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_not_be_kept_are_refused_before_anything_is_sent() {
        let check = |family, path| check_new_file("upload", family, RemotePath::parse(path).unwrap());
        for path in ["a.gcode", "a b/ü's (1).GCODE", "x.g", "日本 🖨.gco", "a;b&c=d.gcode"] {
            for family in [Family::Pi, Family::Firmware] {
                assert_eq!(check(family, path), Ok(()), "{path}");
            }
        }
        let long = "x".repeat(243) + ".gcode";
        for path in ["a?.gcode", "50%.gcode", "a\".gcode", "a.exe", ".gcode", "a", &long] {
            for family in [Family::Pi, Family::Firmware] {
                assert_eq!(check(family, path).unwrap_err().kind(), ErrorKind::InvalidInput, "{path}");
            }
        }
        for path in ["a:b.gcode", "a*.gcode", "sub ./a.gcode"] {
            assert_eq!(check(Family::Pi, path), Ok(()), "{path}");
            assert!(check(Family::Firmware, path).is_err(), "{path}");
        }
        assert!(check(Family::Pi, "#1/a.gcode").is_err());
        assert!(check(Family::Pi, "a.bgcode").is_err());
        assert_eq!(check(Family::Firmware, "a.bgcode"), Ok(()));
    }
}
