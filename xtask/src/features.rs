//! Checks that every feature stands alone.

use crate::steps::{self, Result, Steps};
use crate::workspace;

/// Each package without features, then with each of its features alone.
pub(crate) fn run(steps: &mut Steps) -> Result {
    for package in workspace::packages()? {
        steps.run(format!("features of {}", package.name), || {
            let check = || workspace::cargo(["check", "--package", &package.name, "--no-default-features"]);
            steps::run(&mut check())?;
            for feature in &package.features {
                steps::run(check().args(["--features", feature]))?;
            }
            Ok(())
        })?;
    }
    Ok(())
}
