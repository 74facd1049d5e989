//! What cargo builds of the examples, and puts beside the folder of the tests.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The file that an example is built into. It is built here if only the calling test was.
pub fn example(name: &str, file: &str) -> PathBuf {
    let tests = std::env::current_exe().expect("this program has a path");
    let profile = tests.parent().and_then(Path::parent).expect("target/PROFILE/deps/THIS");
    let path = profile.join("examples").join(file);
    if !path.exists() {
        let build = ["build", "--quiet", "--package", "manyhands", "--example", name];
        let built = Command::new(env!("CARGO")).args(build).status().expect("cargo runs");
        assert!(built.success(), "the example {name} does not build");
    }
    path
}
