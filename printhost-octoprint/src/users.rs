//! Who we are to OctoPrint, and who else there is.

use alloc::{string::String, vec::Vec};

use printhost_core::{Error, ErrorKind, Result};
use printhost_net::Net;

use crate::{OctoPrint, api, wire};

/// A user of OctoPrint, and what it may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// The user's name.
    pub name: String,
    /// The groups it is in.
    pub groups: Vec<String>,
    /// Everything it may do, in OctoPrint's words and upper case: `FILES_UPLOAD`, `PRINT`, `CONTROL`, ….
    pub permissions: Vec<String>,
    /// It may log in.
    pub is_active: bool,
}

impl User {
    /// Whether the user has a permission, by OctoPrint's word for it (`FILES_UPLOAD`); `ADMIN` has all.
    pub fn may(&self, permission: &str) -> bool {
        self.permissions.iter().any(|p| p.eq_ignore_ascii_case(permission) || p == "ADMIN")
    }
}

impl<N: Net> OctoPrint<N> {
    /// The user whose key this is, so that a program can say beforehand what the key lacks. `GET /api/currentuser`, no
    /// permission needed.
    ///
    /// [`ErrorKind::Unauthorized`] when the key is nobody's (any more).
    pub async fn current_user(&self) -> Result<User> {
        let user: wire::User = self.get("current user", "/api/currentuser").await?;
        match user.name {
            Some(name) => {
                Ok(User { name, groups: user.groups, permissions: user.permissions, is_active: true })
            }
            None => {
                Err(Error::new(ErrorKind::Unauthorized, "current user").with_detail("the key is nobody's"))
            }
        }
    }

    /// All users. `GET /api/access/users`, permission SETTINGS. One user at a time is held while they are read; of
    /// their keys nothing is kept.
    pub async fn users(&self) -> Result<Vec<User>> {
        let mut users = Vec::new();
        let login = &self.login;
        self.each("users", "/api/access/users", &mut |item| {
            let user: wire::User = api::parse(login, "users", item)?;
            let mut permissions = user.permissions;
            permissions.extend(user.needs.unwrap_or_default().role.iter().map(|role| role.to_uppercase()));
            permissions.sort_unstable();
            permissions.dedup();
            let is_active = user.active.unwrap_or(true);
            users.push(User {
                name: user.name.unwrap_or_default(),
                groups: user.groups,
                permissions,
                is_active,
            });
            Ok(true)
        })
        .await?;
        Ok(users)
    }
}
