//! The house rules, executable. A rule that is not here is a wish.
//!
//! Each rule reads the tree and answers with sentences: what is wrong, and where. Each is proven
//! able to fail by a bad sample beside it. Nothing but the standard library is used, so the rules
//! are also read when the tree does not build: `rustc --test tests/tests/tidy.rs`.

mod tidy {
    pub(super) mod cycles;
    pub(super) mod floors;
    pub(super) mod leftovers;
    pub(super) mod lex;
    pub(super) mod names;
    pub(super) mod papers;
    pub(super) mod promises;
    pub(super) mod shape;
    pub(super) mod texts;
    pub(super) mod tree;
    pub(super) mod web;
}

use tidy::{
    cycles, floors, leftovers, names, papers, promises, shape, texts,
    tree::{Tree, Wrong},
    web,
};

/// The tree keeps this rule.
fn holds(rule: fn(&Tree) -> Wrong) {
    let tree = Tree::read();
    assert!(tree.files.len() > 40, "the tree was not found");
    let wrong = rule(&tree);
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn imports_only_fall() {
    holds(floors::imports);
}

#[test]
fn top_level_folders_are_the_floors_of_the_house() {
    holds(floors::folders);
}

#[test]
fn modules_of_a_crate_form_no_cycle() {
    holds(cycles::cycles);
}

#[test]
fn machines_stay_pure() {
    holds(names::pure_machines);
}

#[test]
fn heavy_names_stand_in_their_one_file() {
    holds(names::only_there);
}

#[test]
fn the_environment_is_read_once() {
    holds(names::environment);
}

#[test]
fn every_file_opens_with_what_it_is() {
    holds(shape::opens_with_doc);
}

#[test]
fn files_and_functions_are_short() {
    holds(shape::files);
    holds(shape::functions);
}

#[test]
fn nothing_is_left_over() {
    holds(leftovers::marks);
    holds(leftovers::macros);
}

#[test]
fn tests_neither_sleep_nor_are_ignored() {
    holds(leftovers::sleeping_tests);
}

#[test]
fn every_promise_is_kept_aloud() {
    holds(promises::found_again);
}

#[test]
fn every_path_in_the_architecture_exists() {
    holds(papers::paths_exist);
}

#[test]
fn nothing_of_the_workplace_is_committed() {
    holds(papers::workplace);
}

#[test]
fn the_web_app_asks_the_node_in_one_place() {
    holds(web::fetches);
}

#[test]
fn the_web_apps_files_are_short_and_introduce_themselves() {
    holds(web::files);
}

#[test]
fn both_languages_say_the_same_things() {
    holds(texts::same_keys);
}
