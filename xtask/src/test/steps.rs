//! The steps of `cargo xtask test`, in the order in which they run.

use anyhow::Result;
use clap::builder::PossibleValuesParser;

use crate::{
    bench,
    house::{self, Profile},
    judges,
    run::{cargo, program, step},
    suites, tools, web,
};

/// How long hostile bytes are tried on every change.
const HOSTILE_SECONDS: u64 = 15;

/// How many nodes the nemesis has on every change; every story is told once.
const NEMESIS_NODES: usize = 3;

/// One thing that must hold.
pub(crate) struct Step {
    /// Its name for `--only`.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) what: &'static str,
    /// Does it.
    pub(crate) run: fn() -> Result<Outcome>,
}

/// What came of a step that did not fail.
pub(crate) enum Outcome {
    /// It holds.
    Done,
    /// There is nothing to judge yet, for this reason.
    Skipped(String),
}

/// Every step. The web app comes before Rust because the node embeds it.
pub(crate) const STEPS: [Step; 14] = [
    Step { name: "tools", what: "the programs the tests need", run: needed },
    Step { name: "fmt", what: "formats", run: fmt },
    Step { name: "web", what: "the web app: build, types, tests, sizes", run: web_app },
    Step { name: "clippy", what: "lints", run: clippy },
    Step { name: "rust", what: "the Rust tests, the house rules among them", run: rust },
    Step { name: "doc", what: "the documentation", run: doc },
    Step { name: "rules", what: "the alerts and what they would have said", run: rules },
    Step { name: "hostile", what: "hostile bytes for every decoder", run: hostile },
    Step { name: "sim", what: "broken rules of the twins that must be noticed", run: sees },
    Step { name: "nemesis", what: "nodes that are killed, halted, filled up", run: nemesis },
    Step { name: "upgrade", what: "the release before becomes this one", run: upgrade },
    Step { name: "load", what: "a short load on a node of this machine", run: load },
    Step { name: "browser", what: "journeys in real browsers", run: browser },
    Step { name: "judge", what: "an audit log before a judge that is not ours", run: judge },
];

/// The names that `--only` takes.
pub(crate) fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(STEPS.map(|step| step.name))
}

fn needed() -> Result<Outcome> {
    tools::for_testing()?;
    Ok(Outcome::Done)
}

fn fmt() -> Result<Outcome> {
    step("cargo fmt --all --check", &mut cargo(["fmt", "--all", "--check"]))?;
    Ok(Outcome::Done)
}

fn web_app() -> Result<Outcome> {
    web::build()?;
    for script in ["check", "test", "sizes"] {
        web::script(script)?;
    }
    Ok(Outcome::Done)
}

fn clippy() -> Result<Outcome> {
    let lint = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    step("cargo clippy", &mut cargo(lint))?;
    Ok(Outcome::Done)
}

fn rust() -> Result<Outcome> {
    step("Rust tests", &mut suites::rust_tests())?;
    Ok(Outcome::Done)
}

fn doc() -> Result<Outcome> {
    let flags = ["--workspace", "--no-deps", "--locked", "--quiet", "--document-private-items"];
    let mut doc = cargo(["doc"]);
    doc.args(flags);
    // Heads of modules speak to those who read the module, so they may name what is private in it.
    let flags = "-D warnings -A rustdoc::private_intra_doc_links";
    step("cargo doc", doc.env("RUSTDOCFLAGS", flags))?;
    Ok(Outcome::Done)
}

fn rules() -> Result<Outcome> {
    let folder = house::root().join("deploy/dashboards");
    let check = ["check", "rules", "alerts.yml"];
    step("promtool check rules", program("promtool").current_dir(&folder).args(check))?;
    let test = ["test", "rules", "alerts.test.yml"];
    step("promtool test rules", program("promtool").current_dir(&folder).args(test))?;
    Ok(Outcome::Done)
}

fn hostile() -> Result<Outcome> {
    suites::hostile(Profile::Dev, HOSTILE_SECONDS, 1)?;
    Ok(Outcome::Done)
}

fn sees() -> Result<Outcome> {
    crate::sim::sees()?;
    Ok(Outcome::Done)
}

fn nemesis() -> Result<Outcome> {
    if let Some(why) = crate::nemesis::cannot() {
        println!("  nemesis skipped: {why}");
        return Ok(Outcome::Skipped(why));
    }
    crate::nemesis::slice(NEMESIS_NODES)?;
    Ok(Outcome::Done)
}

fn upgrade() -> Result<Outcome> {
    if let Some(why) = crate::upgrade::why_not()? {
        println!("  upgrade skipped: {why}");
        return Ok(Outcome::Skipped(why));
    }
    crate::upgrade::slice()?;
    Ok(Outcome::Done)
}

fn load() -> Result<Outcome> {
    bench::load(Profile::Dev, "short")?;
    Ok(Outcome::Done)
}

fn browser() -> Result<Outcome> {
    if !web::has_script("e2e")? {
        let why = "node/web/package.json has no script `e2e` yet";
        println!("  {why}");
        return Ok(Outcome::Skipped(why.to_owned()));
    }
    crate::dev::build(Profile::Dev)?;
    web::script("e2e")?;
    Ok(Outcome::Done)
}

fn judge() -> Result<Outcome> {
    if let Some(why) = judges::for_audit()? {
        println!("  judge skipped: {why}");
        return Ok(Outcome::Skipped(why));
    }
    judges::audit()?;
    Ok(Outcome::Done)
}
