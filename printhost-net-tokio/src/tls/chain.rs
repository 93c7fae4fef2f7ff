use rustls::pki_types::SignatureVerificationAlgorithm;

use super::{certificate::Certificate, distrust::Distrust};

/// How many certificates a host may send beside its own, and how many stand one above the other.
pub(super) const MOST: usize = 8;
/// How many signatures are checked: certificates that all bear the same name must not keep us busy.
const CHECKS: usize = 32;

/// The way from a host's certificate to an authority, both included.
pub(super) fn path<'c>(
    leaf: &'c Certificate,
    sent: &'c [Certificate],
    authorities: &'c [Certificate],
    algorithms: &'c [&'static dyn SignatureVerificationAlgorithm],
) -> Result<Vec<&'c Certificate>, Distrust> {
    if authorities.iter().any(|given| leaf.is_itself(given)) {
        return Ok(vec![leaf]);
    }
    let mut search =
        Search { sent, authorities, algorithms, checks: CHECKS, nearest: Distrust::UnknownAuthority };
    let mut path = vec![leaf];
    match search.climb(&mut path) {
        true => Ok(path),
        false => Err(search.nearest),
    }
}

struct Search<'c> {
    sent: &'c [Certificate],
    authorities: &'c [Certificate],
    algorithms: &'c [&'static dyn SignatureVerificationAlgorithm],
    checks: usize,
    /// Why the last one that bears the right name was not taken.
    nearest: Distrust,
}

impl<'c> Search<'c> {
    fn climb(&mut self, path: &mut Vec<&'c Certificate>) -> bool {
        for authority in self.authorities {
            if self.has_issued(authority, true, path) {
                path.push(authority);
                return true;
            }
        }
        if path.len() > MOST {
            return false;
        }
        for issuer in self.sent {
            let is_used = path.iter().any(|used| std::ptr::eq(*used, issuer));
            if !is_used && self.has_issued(issuer, false, path) {
                path.push(issuer);
                if self.climb(path) {
                    return true;
                }
                path.pop();
            }
        }
        false
    }

    fn has_issued(&mut self, issuer: &Certificate, is_given: bool, path: &[&Certificate]) -> bool {
        let Some(last) = path.last().filter(|last| last.is_by(issuer)) else { return false };
        if !issuer.may_issue(is_given, path.len() - 1) {
            self.nearest = Distrust::NoAuthority(issuer.name().unwrap_or_default());
            return false;
        }
        if self.checks == 0 {
            return false;
        }
        self.checks -= 1;
        match last.check_signature(issuer, self.algorithms) {
            Ok(()) => true,
            Err(distrust) => {
                self.nearest = distrust;
                false
            }
        }
    }
}
