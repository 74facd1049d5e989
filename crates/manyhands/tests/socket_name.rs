//! The name of a socket goes with the process that listens there, however that ends, and not before.

mod until;

use manyhands::Process;
use manyhands::shared::Event;
use manyhands::spawn::{SocketFolder, SocketName};
use std::fs;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use until::until;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("mh-name-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn listen((folder, with_folder, there): (PathBuf, bool, Event)) {
    let listener = UnixListener::bind(folder.join("socket")).unwrap();
    let kept = with_folder.then(|| SocketFolder::keep(&folder).unwrap());
    let _name = SocketName::keep(&folder.join("socket"), kept.as_ref()).unwrap();
    there.set();
    for stream in listener.incoming() {
        drop(stream.unwrap());
    }
}

fn killed(folder: &Path, with_folder: bool) {
    let there = Event::new().unwrap();
    let process = Process::spawn(listen, (folder.to_owned(), with_folder, there.clone())).unwrap();
    there.wait();
    assert!(UnixStream::connect(folder.join("socket")).is_ok());
    process.kill().unwrap();
    process.join().unwrap_err();
}

#[test]
fn it_goes_with_a_killed_process() {
    let folder = folder("killed");
    killed(&folder, false);
    until("the name goes", || !folder.join("socket").exists());
    killed(&folder, true);
    until("the folder goes, too", || !folder.exists());
}

#[test]
fn a_folder_that_has_something_else_stays() {
    let folder = folder("full");
    fs::write(folder.join("file"), "").unwrap();
    killed(&folder, true);
    until("the name goes", || !folder.join("socket").exists());
    assert!(folder.join("file").exists());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_folder_that_another_has_stays() {
    let folder = folder("shared");
    let kept = SocketFolder::keep(&folder).unwrap();
    let mine = folder.join("mine");
    let listener = UnixListener::bind(&mine).unwrap();
    let name = SocketName::keep(&mine, Some(&kept)).unwrap();
    killed(&folder, true);
    until("the name of the killed one goes", || !folder.join("socket").exists());
    drop((listener, name));
    assert!(!mine.exists() && folder.exists(), "the next one may want it");
    drop(kept);
    assert!(!folder.exists());
}

#[test]
fn one_at_which_another_listens_stays() {
    let folder = folder("taken");
    let path = folder.join("socket");
    let first = UnixListener::bind(&path).unwrap();
    let name = SocketName::keep(&path, None).unwrap();
    let same = first.try_clone().unwrap();
    drop((first, name));
    assert!(path.exists(), "the socket is still served");

    let name = SocketName::keep(&path, None).unwrap();
    drop(same);
    fs::remove_file(&path).unwrap();
    let second = UnixListener::bind(&path).unwrap();
    drop(name);
    assert!(path.exists(), "it is the name of another socket");
    drop(second);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_no_socket_is_refused() {
    let folder = folder("refused");
    let file = folder.join("file");
    fs::write(&file, "").unwrap();
    let long = folder.join("x".repeat(160));
    for path in [&file, &folder.join("none"), &long, Path::new("relative")] {
        assert!(SocketName::keep(path, None).is_err(), "{}", path.display());
        assert!(SocketFolder::keep(path).is_err(), "{}", path.display());
    }
    assert!(file.exists());
    fs::remove_dir_all(folder).unwrap();
}
