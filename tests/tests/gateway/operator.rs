//! What an operator turns and reads: the configuration and the doctor.

use super::stage::Stage;
use node::{
    config::{Config, EngineName},
    doctor::{self, Finding},
    node::Node,
};
use std::{
    fs,
    net::{TcpListener, UdpSocket},
    path::Path,
};
use tempfile::TempDir;

fn written(text: &str) -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("konsil.toml");
    fs::write(&path, text).expect("written");
    (folder, path)
}

/// The lines `key = value` of a printed configuration.
fn knobs(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.contains(" = ") && !line.starts_with('#')).collect()
}

#[test]
fn every_knob_is_printed_with_words_and_read_back() {
    let printed = Config::default().explained();
    let other = printed
        .replace("0.0.0.0:8443", "[::1]:9443")
        .replace("media_addresses = []", "media_addresses = [\"192.0.2.7\", \"2001:db8::7\"]")
        .replace("# metrics = \"\"", "metrics = \"127.0.0.1:9090\"")
        .replace("data = \"data\"", "data = '/srv/kon sil/\"data\"'")
        .replace("= \"sled\"", "= \"redb\"")
        .replace("# certificate = \"\"", "certificate = \"/etc/a.pem\"")
        .replace("# key = \"\"", "key = \"/etc/b.pem\"")
        .replace("20000", "777")
        .replace("per_address = 2000\n", "per_address = 778\n");
    let (_folder, path) = written(&other);
    let read = Config::read(Some(&path)).expect("every knob can be turned");
    assert_eq!(read.explained(), other);
    assert_eq!(read.storage.engine, EngineName::Redb);
    assert_eq!(read.storage.data, Path::new("/srv/kon sil/\"data\""));
    assert_eq!((read.limits.connections, read.limits.connections_per_address), (777, 778));
    // Each knob alone is a configuration, and each has words of its own.
    let mut section = "";
    for line in other.lines() {
        section = if line.starts_with('[') { line } else { section };
        let alone = [section, line].join("\n");
        let pair = line.starts_with("certificate") || line.starts_with("key =");
        if line.contains(" = ") && !line.starts_with('#') && !pair {
            let (_folder, path) = written(&alone);
            assert!(Config::read(Some(&path)).is_ok(), "{alone}");
        }
    }
    assert!(knobs(&printed).len() >= 20);
    let lines: Vec<&str> = printed.lines().collect();
    for two in lines.windows(2) {
        let explained = two[0].starts_with('#');
        assert!(explained || !two[1].contains(" = "), "{:?} has no words", two[1]);
    }
}

#[test]
fn a_knob_turned_too_far_is_named_with_its_remedy() {
    for (line, key) in [
        ("[limits]\nconnections = 0", "limits.connections"),
        ("[limits]\nconnections = 9223372036854775807", "limits.connections"),
        ("[limits]\nconnections_per_address = 0", "limits.connections_per_address"),
        ("[limits]\nhandshake_seconds = 0", "limits.handshake_seconds"),
        ("[limits]\nhandshake_seconds = 61", "limits.handshake_seconds"),
        ("[limits]\nstall_seconds = 0", "limits.stall_seconds"),
        ("[limits]\nsign_ins_per_minute = 0", "limits.sign_ins_per_minute"),
        ("[limits]\nlinks_per_minute = 0", "limits.links_per_minute"),
        ("[limits]\ncommands_per_second = 0", "limits.commands_per_second"),
        ("[limits]\nfile_bytes = 2147483649", "limits.file_bytes"),
        ("[limits]\nuploads = 0", "limits.uploads"),
        ("[limits]\nuploads = 9223372036854775807", "limits.uploads"),
        ("[limits]\nupload_silence_seconds = 0", "limits.upload_silence_seconds"),
        ("[limits]\nsign_in_hours = 9223372036854775807", "limits.sign_in_hours"),
        ("[limits]\nguest_hours = 0", "limits.guest_hours"),
        ("[storage]\nsegment_bytes = 5", "storage.segment_bytes"),
        ("[tls]\nkey = \"a\"", "tls.certificate"),
    ] {
        let (_folder, path) = written(line);
        let said = Config::read(Some(&path)).expect_err("refused").to_string();
        assert!(said.starts_with(key), "{line}: {said}");
        assert!(said.contains("choose") || said.contains("name both"), "{said}");
    }
    for (text, word) in [
        ("[limits]\nconections = 3", "conections"),
        ("[limitz]\n", "limitz"),
        ("[limits]\nuploads = -1", "uploads"),
        ("[limits]\nuploads = \"many\"", "uploads"),
        ("[listen]\nweb = \"8443\"", "web"),
        ("[storage]\nengine = \"rocks\"", "rocks"),
        ("limits = 3\n[", "TOML"),
        ("\u{0}", "TOML"),
    ] {
        let (_folder, path) = written(text);
        let said = Config::read(Some(&path)).expect_err("refused").to_string();
        assert!(said.contains(word), "{text:?}: {said}");
        assert!(said.contains("konsil.toml") && said.contains("konsil config"), "{said}");
    }
    let none = Config::read(Some(Path::new("/none/konsil.toml"))).expect_err("not there");
    assert!(none.to_string().contains("/none/konsil.toml"), "{none}");
}

/// A configuration in a folder of its own, on free ports.
fn quiet(folder: &TempDir) -> Config {
    let mut config = Config::default();
    config.listen.web = ([127, 0, 0, 1], 0).into();
    config.listen.media = ([127, 0, 0, 1], 0).into();
    config.storage.data = folder.path().join("data");
    config.limits.connections = 100;
    config
}

fn found(config: &Config, about: &str) -> Finding {
    let findings = doctor::examine(config);
    let report = doctor::report(&findings);
    let found = findings.into_iter().find(|it| it.about == about).expect("it is looked at");
    assert!(report.contains(&found.said), "{report}");
    found
}

fn bad(config: &Config, about: &str, words: &[&str]) {
    let found = found(config, about);
    assert!(!found.well, "{found:?}");
    for word in words {
        assert!(found.said.contains(word), "{word}: {}", found.said);
    }
}

#[test]
fn the_doctor_finds_nothing_on_a_fresh_machine_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let findings = doctor::examine(&quiet(&folder));
    let ill: Vec<_> = findings.iter().filter(|it| !it.well && it.about != "disk").collect();
    assert!(ill.is_empty(), "{ill:?}");
    let left = fs::read_dir(folder.path().join("data")).expect("the data folder").count();
    assert_eq!(left, 0);
}

#[test]
fn the_doctor_names_what_is_wrong_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = quiet(&folder);
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
    config.listen.web = tcp.local_addr().expect("bound");
    bad(&config, "web port", &[&config.listen.web.to_string(), "taken", "[listen]"]);
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
    config.listen.media = udp.local_addr().expect("bound");
    bad(&config, "media port", &["UDP", "taken"]);
    config.listen.web = "192.0.2.1:443".parse().expect("an address");
    bad(&config, "web port", &["192.0.2.1:443", "[listen]"]);

    let mut config = quiet(&folder);
    config.limits.connections = 1_000_000_000;
    bad(&config, "open files", &["LimitNOFILE", "limits.connections"]);
    let file = folder.path().join("a-file");
    fs::write(&file, b"x").expect("written");
    config.storage.data = file.join("data");
    bad(&config, "data folder", &["cannot be written", "storage.data"]);
    config.storage.data = "/proc/konsil".into();
    bad(&config, "data folder", &["/proc/konsil"]);
}

/// A certificate for days that are over, or to come.
fn certificate(config: &Config, from: i32, until: i32) {
    let mut about = rcgen::CertificateParams::new(vec!["localhost".into()]).expect("a name");
    about.not_before = rcgen::date_time_ymd(from, 1, 1);
    about.not_after = rcgen::date_time_ymd(until, 1, 1);
    let key = rcgen::KeyPair::generate().expect("a key");
    let made = about.self_signed(&key).expect("a certificate");
    let folder = config.storage.data.join("tls");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("certificate.pem"), made.pem()).expect("written");
    fs::write(folder.join("key.pem"), key.serialize_pem()).expect("written");
}

#[test]
fn the_doctor_reads_certificates() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = quiet(&folder);
    certificate(&config, 2001, 2002);
    bad(&config, "certificate", &["expired", "days ago", "Renew"]);
    certificate(&config, 2200, 2201);
    bad(&config, "certificate", &["not valid yet", "clock"]);
    certificate(&config, 2001, 2201);
    assert!(found(&config, "certificate").well);
    let path = config.storage.data.join("tls/certificate.pem");
    fs::write(&path, "no certificate").expect("written");
    bad(&config, "certificate", &["certificate.pem"]);
    config.tls.certificate = Some("/none/a.pem".into());
    config.tls.key = Some("/none/b.pem".into());
    bad(&config, "certificate", &["/none/a.pem"]);
}

/// The doctor's remedy works: remove the file, start, and there is a new certificate.
#[tokio::test(flavor = "multi_thread")]
async fn a_removed_certificate_is_made_anew() {
    let stage = Stage::start().await;
    let path = stage.data().join("tls/certificate.pem");
    let before = fs::read(&path).expect("a certificate");
    let removed = path.clone();
    let stage = stage.restarted_after(async |_| fs::remove_file(&removed).expect("removed")).await;
    assert_ne!(fs::read(&path).expect("a certificate"), before);
    assert_eq!(stage.expert().await.get("/healthz").await.status, 200);
}

/// Files of a later program are left alone, and the operator is told which.
#[tokio::test(flavor = "multi_thread")]
async fn data_of_a_later_version_is_recognised() {
    let stage = Stage::start().await;
    let after = async |config: &Config| {
        let mut known = quiet_like(config);
        assert!(found(&known, "data").well);
        let format = config.storage.data.join("journals/format");
        let text = fs::read_to_string(&format).expect("the data says its format");
        fs::write(&format, "konsil storage 99 sled\n").expect("written");
        bad(&known, "data", &["99"]);
        let no = Node::start(config.clone()).await.err().expect("a later format is refused");
        assert!(no.to_string().contains("99"), "{no}");
        fs::write(&format, &text).expect("written");
        known.storage.engine = EngineName::Redb;
        bad(&known, "data", &["redb", "sled"]);
    };
    stage.restarted_after(after).await;
}

fn quiet_like(config: &Config) -> Config {
    let mut config = config.clone();
    config.limits.connections = 100;
    config
}
