//! The stories, told to a cluster of paper: each mends what it breaks, and none needs what it does
//! not say it needs.

use anyhow::{Result, bail};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    time::Duration,
};
use storage::dice::Dice;
use tests::nemesis::{
    cluster::{Cluster, Holders},
    stories::{People, STORIES},
};

/// What is broken at the moment, in words.
#[derive(Default)]
struct Paper {
    nodes: usize,
    broken: BTreeSet<String>,
    deeds: usize,
}

impl Paper {
    fn set(&mut self, what: String, broken: bool) -> Result<()> {
        self.deeds += usize::from(broken);
        if broken {
            self.broken.insert(what)
        } else {
            self.broken.remove(&what)
        };
        Ok(())
    }

    fn lines(&mut self) {
        self.broken.retain(|it| !it.starts_with("line"));
    }
}

impl Cluster for Paper {
    fn nodes(&self) -> usize {
        self.nodes
    }

    fn runs(&mut self, node: usize) -> Result<bool> {
        Ok(!self.broken.contains(&format!("down {node}")))
    }

    fn kill(&mut self, node: usize) -> Result<()> {
        self.set(format!("down {node}"), true)
    }

    fn stop(&mut self, node: usize) -> Result<()> {
        self.set(format!("down {node}"), true)
    }

    fn start(&mut self, node: usize) -> Result<()> {
        if self.broken.contains(&format!("disk {node}")) {
            bail!("node {node} cannot start on a broken disk");
        }
        self.set(format!("down {node}"), false)
    }

    fn halt(&mut self, node: usize, on: bool) -> Result<()> {
        self.set(format!("halted {node}"), on)
    }

    fn cut(&mut self, from: usize, to: usize) -> Result<()> {
        self.set(format!("line {from} {to}"), true)
    }

    fn lose(&mut self, node: usize, _: u8) -> Result<()> {
        self.set(format!("line {node} lossy"), true)
    }

    fn narrow(&mut self, node: usize, _: u32) -> Result<()> {
        self.set(format!("line {node} narrow"), true)
    }

    fn plug(&mut self, node: usize, on: bool) -> Result<()> {
        self.set(format!("line {node} pulled"), !on)
    }

    fn heal(&mut self) -> Result<()> {
        self.lines();
        Ok(())
    }

    fn fill(&mut self, node: usize, on: bool) -> Result<()> {
        self.set(format!("full {node}"), on)
    }

    fn fail_disk(&mut self, node: usize) -> Result<()> {
        self.set(format!("disk {node}"), true)
    }

    fn mend_disk(&mut self, node: usize) -> Result<()> {
        self.kill(node)?;
        self.set(format!("disk {node}"), false)
    }

    fn set_clock(&mut self, node: usize, seconds: i64) -> Result<()> {
        self.set(format!("clock {node}"), seconds != 0)
    }

    fn replace(&mut self, node: usize) -> Result<()> {
        if self.runs(node)? {
            bail!("only a dead node is replaced");
        }
        self.set(format!("down {node}"), false)
    }

    fn drain(&mut self, node: usize, on: bool) -> Result<()> {
        self.set(format!("drained {node}"), on)
    }

    fn copies(&mut self, node: usize) -> Result<usize> {
        Ok(usize::from(!self.broken.contains(&format!("drained {node}"))))
    }

    fn leader(&mut self) -> Result<Option<usize>> {
        Ok(Some(0))
    }

    fn holders(&mut self, _: u16) -> Result<Holders> {
        let up: Vec<usize> =
            (0..self.nodes).filter(|it| self.runs(*it).is_ok_and(|runs| runs)).collect();
        Ok(Holders { primary: up.first().copied(), twin: up.get(1).copied() })
    }

    fn is_whole(&mut self) -> Result<bool> {
        Ok(self.broken.is_empty())
    }

    fn mend(&mut self) -> Result<()> {
        self.broken.clear();
        Ok(())
    }
}

/// People who are content, and count how often they were asked.
#[derive(Default)]
struct Content {
    asked: Cell<usize>,
    marks: RefCell<Vec<String>>,
}

impl People for Content {
    fn flows(&self, _: Duration) -> Result<Duration> {
        self.asked.set(self.asked.get() + 1);
        Ok(Duration::ZERO)
    }

    fn answers(&self, within: Duration) -> Result<()> {
        self.flows(within).map(|_| ())
    }

    fn shard(&self, _: usize) -> u16 {
        7
    }

    fn mark(&self, what: &str) {
        self.marks.borrow_mut().push(what.to_owned());
    }

    fn lasting(&self, _: Duration) {}
}

#[test]
fn every_story_breaks_something_asks_the_people_and_mends_it() {
    for story in &STORIES {
        for nodes in [story.nodes, story.nodes.max(3)] {
            let mut paper = Paper { nodes, ..Paper::default() };
            let people = Content::default();
            story.tell(&mut paper, &people, &mut Dice::new(1)).expect(story.name);
            assert!(paper.deeds > 0, "{} does nothing", story.name);
            assert!(people.asked.get() > 0, "{} asks nobody", story.name);
            assert!(!people.marks.borrow().is_empty(), "{} leaves no mark", story.name);
            assert_eq!(paper.broken, BTreeSet::new(), "{} leaves this broken", story.name);
        }
    }
}

#[test]
fn names_of_stories_are_names() {
    let names: BTreeSet<&str> = STORIES.iter().map(|story| story.name).collect();
    assert_eq!(names.len(), STORIES.len());
}
