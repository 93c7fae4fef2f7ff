//! Logins against a server that has its own idea of digest authentication, of which curl is the judge.

mod login {
    mod claims;
    mod server;
}
