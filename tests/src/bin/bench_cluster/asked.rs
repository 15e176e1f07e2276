//! What the command line asks for.

use anyhow::{Context, Result, bail};
use std::{env, path::PathBuf};

/// What was asked for.
pub(crate) struct Asked {
    /// Which parts.
    pub(crate) only: Vec<String>,
    /// How often everything is measured.
    pub(crate) rounds: usize,
    /// Where all chance comes from.
    pub(crate) seed: u64,
    /// How often something is killed.
    pub(crate) trials: u32,
    /// Where the figures go.
    pub(crate) out: PathBuf,
    /// Where everything that is measured writes.
    pub(crate) work: PathBuf,
    bins: PathBuf,
    root: PathBuf,
}

impl Asked {
    /// Reads the words; `parts` are those there are.
    pub(crate) fn read(mut words: impl Iterator<Item = String>, parts: &[&str]) -> Result<Self> {
        let here = env::current_exe()?;
        let mut asked = Self {
            only: parts.iter().map(|&part| part.to_owned()).collect(),
            rounds: 3,
            seed: 1,
            trials: 30,
            out: "target/bench".into(),
            work: env::temp_dir(),
            bins: here.parent().context("this program lies in a folder")?.into(),
            root: ".".into(),
        };
        while let Some(word) = words.next() {
            let value = words.next().with_context(|| format!("{word} needs a value"))?;
            match word.as_str() {
                "--only" => asked.only = value.split(',').map(str::to_owned).collect(),
                "--rounds" => asked.rounds = value.parse()?,
                "--seed" => asked.seed = value.parse()?,
                "--trials" => asked.trials = value.parse()?,
                "--out" => asked.out = value.into(),
                "--work" => asked.work = value.into(),
                "--bins" => asked.bins = value.into(),
                "--root" => asked.root = value.into(),
                _ => bail!("{word} is no word of this bench"),
            }
        }
        if let Some(odd) = asked.only.iter().find(|name| !parts.contains(&name.as_str())) {
            bail!("there is no part `{odd}`: there are {}", parts.join(", "));
        }
        if !(1..=100).contains(&asked.rounds) || !(1..=1000).contains(&asked.trials) {
            bail!("choose 1 to 100 rounds and 1 to 1000 trials");
        }
        Ok(asked)
    }

    /// One of our own programs.
    pub(crate) fn program(&self, name: &str) -> Result<PathBuf> {
        let path = self.bins.join(name);
        if !path.is_file() {
            bail!("there is no {}: build it, or name its folder with --bins", path.display());
        }
        Ok(path)
    }

    /// One of our own files.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_words_are_named() {
        let read = |line: &str| {
            Asked::read(line.split_whitespace().map(str::to_owned), &["fanout", "idle"])
        };
        assert_eq!(read("").expect("all").only, ["fanout", "idle"]);
        assert_eq!(read("--only idle --rounds 5").expect("one").rounds, 5);
        for bad in ["--only odd", "--odd 1", "--rounds", "--rounds 0"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
