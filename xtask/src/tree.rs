//! The files of the repository that the rules read, and what each one is.
//!
//! Only text that people write: Rust, Python, pages and Cargo manifests, outside build folders and virtual
//! environments. A file's place says what holds for it, so `place` is the one function that knows the layout.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The layers of the engine in their order: each may use those before it, never one after it.
pub const LAYERS: [&str; 8] =
    ["platform", "arena", "encoding", "sync", "channel", "spawn", "executor", "manager"];

/// A file: its path from the root of the repository, with `/` between the parts, and its text.
pub struct File {
    pub path: String,
    pub text: String,
}

impl File {
    #[cfg(test)]
    pub fn sample(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the file is a page of text. The changelog is assembled, and not written by hand.
    pub fn is_document(&self) -> bool {
        self.path.ends_with(".md") && self.path != "CHANGELOG.md"
    }

    pub fn is_python(&self) -> bool {
        self.path.ends_with(".py")
    }

    /// The path of the file inside the engine's `src`, if it is part of the engine.
    pub fn in_engine(&self) -> Option<&str> {
        self.path.strip_prefix("crates/manyhands/src/")
    }

    /// The layer of the engine that the file belongs to; `None` for `lib.rs` and everything outside the engine.
    pub fn layer(&self) -> Option<&'static str> {
        let inside = self.in_engine()?;
        let first = inside.split('/').next()?.trim_end_matches(".rs");
        LAYERS.into_iter().find(|layer| *layer == first)
    }

    /// Whether the file is part of a crate or package that users get, not a test, an example or a bench.
    pub fn is_shipped(&self) -> bool {
        !self.is_test_module() && self.is_in_a_source_folder()
    }

    /// Whether the file is a test module among the sources: `tests.rs`, `model.rs`, `model_death.rs`.
    pub fn is_test_module(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name == "tests.rs" || self.is_model()
    }

    /// Whether the file belongs to the model checker: `model.rs`, `model_death.rs`.
    pub fn is_model(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name == "model.rs" || name.starts_with("model_")
    }

    fn is_in_a_source_folder(&self) -> bool {
        (self.path.starts_with("crates/") && self.path.contains("/src/"))
            || self.path.starts_with("xtask/src/")
            || self.path.starts_with("python/")
    }
}

/// Every file the rules look at, in a stable order.
pub fn repository() -> io::Result<Vec<File>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .ok_or_else(|| io::Error::other("xtask has no parent folder"))?;
    let mut paths = Vec::new();
    walk(root, &mut paths)?;
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path)?;
            let inside = path.strip_prefix(root).map_err(io::Error::other)?;
            Ok(File { path: inside.to_string_lossy().into_owned(), text })
        })
        .collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') || ["target", "dist", "__pycache__", "build"].contains(&&*name) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), found)?;
        } else if kind.is_file() && [".rs", ".py", ".md", "Cargo.toml"].iter().any(|end| name.ends_with(end))
        {
            found.push(entry.path());
        }
    }
    Ok(())
}
