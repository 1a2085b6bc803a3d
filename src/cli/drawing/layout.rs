//! Where the boxes go: in columns from left to right, so that nearly all arrows point right, and within a column so that few of them cross.
//!
//! The usual three steps of a layered drawing. Every node gets a column, one beyond the furthest that points at it (arrows that close a circle do not count);
//! a long arrow gets a point in each column it passes; then points are ordered by the middle of their neighbours, to and fro a few times.

use std::collections::BTreeSet;

use crate::cli::drawing::Drawing;

/// How often the columns are put in order: more changes little.
const SWEEPS: usize = 6;

/// Most points of long arrows; a graph with more is drawn with straight ones.
const POINTS_MAX: usize = 20_000;

/// The columns of a drawing and the way of each arrow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// The points of each column from top to bottom; those below the count of nodes are the nodes, the others lie on long arrows.
    pub(super) columns: Vec<Vec<usize>>,
    /// The points of each arrow, from its start to its end.
    pub(super) ways: Vec<Vec<usize>>,
}

impl Layout {
    /// Puts a drawing in order. The same drawing always looks the same.
    pub(super) fn of(drawing: &Drawing) -> Layout {
        let closing = closing_edges(drawing);
        let column_of = columns_of(drawing, &closing);
        let mut columns: Vec<Vec<usize>> = vec![Vec::new(); column_of.iter().max().map_or(0, |last| last + 1)];
        for (node, column) in column_of.iter().enumerate() {
            columns[*column].push(node);
        }
        let mut count = drawing.nodes.len();
        let is_large = drawing.edges.iter().map(|edge| column_of[edge.from].abs_diff(column_of[edge.to])).sum::<usize>() > POINTS_MAX;
        let ways: Vec<Vec<usize>> = drawing
            .edges
            .iter()
            .map(|edge| {
                let (from, to) = (column_of[edge.from], column_of[edge.to]);
                let passed: Vec<usize> = if is_large {
                    Vec::new()
                } else if from < to {
                    (from + 1..to).collect()
                } else {
                    (to + 1..from).rev().collect()
                };
                let mut way = vec![edge.from];
                for column in passed {
                    columns[column].push(count);
                    way.push(count);
                    count += 1;
                }
                way.push(edge.to);
                way
            })
            .collect();
        order(&mut columns, &ways, count);
        Layout { columns, ways }
    }
}

/// The edges that close a circle, found by going as deep as possible from each node in turn; without recursion, since a chain may be long.
fn closing_edges(drawing: &Drawing) -> BTreeSet<usize> {
    let out = outgoing(drawing);
    let (mut closing, mut state) = (BTreeSet::new(), vec![0u8; drawing.nodes.len()]);
    for start in 0..drawing.nodes.len() {
        let mut path = if state[start] == 0 { vec![(start, 0)] } else { vec![] };
        while let Some((node, next)) = path.pop() {
            state[node] = 1;
            let Some(edge) = out[node].get(next) else {
                state[node] = 2;
                continue;
            };
            path.push((node, next + 1));
            let to = drawing.edges[*edge].to;
            match state[to] {
                0 => path.push((to, 0)),
                1 => drop(closing.insert(*edge)),
                _ => {}
            }
        }
    }
    closing
}

/// One column beyond the furthest that points at a node.
fn columns_of(drawing: &Drawing, closing: &BTreeSet<usize>) -> Vec<usize> {
    let out = outgoing(drawing);
    let mut waits_for = vec![0usize; drawing.nodes.len()];
    for (number, edge) in drawing.edges.iter().enumerate() {
        waits_for[edge.to] += usize::from(!closing.contains(&number));
    }
    let mut columns = vec![0usize; drawing.nodes.len()];
    let mut open: Vec<usize> = (0..drawing.nodes.len()).filter(|node| waits_for[*node] == 0).collect();
    while let Some(node) = open.pop() {
        for number in out[node].iter().filter(|number| !closing.contains(number)) {
            let to = drawing.edges[*number].to;
            columns[to] = columns[to].max(columns[node] + 1);
            waits_for[to] -= 1;
            if waits_for[to] == 0 {
                open.push(to);
            }
        }
    }
    columns
}

fn outgoing(drawing: &Drawing) -> Vec<Vec<usize>> {
    let mut out = vec![Vec::new(); drawing.nodes.len()];
    for (number, edge) in drawing.edges.iter().enumerate() {
        out[edge.from].push(number);
    }
    out
}

/// Orders each column by the middle of its points' neighbours in the column before, then after.
fn order(columns: &mut [Vec<usize>], ways: &[Vec<usize>], count: usize) {
    let mut neighbours = vec![Vec::new(); count];
    for pair in ways.iter().flat_map(|way| way.windows(2)) {
        neighbours[pair[0]].push(pair[1]);
        neighbours[pair[1]].push(pair[0]);
    }
    let mut place = vec![(0usize, 0usize); count];
    let note = |place: &mut Vec<(usize, usize)>, column: usize, points: &[usize]| {
        for (row, point) in points.iter().enumerate() {
            place[*point] = (column, row);
        }
    };
    for (column, points) in columns.iter().enumerate() {
        note(&mut place, column, points);
    }
    for sweep in 0..SWEEPS {
        let to_the_right = sweep % 2 == 0;
        let numbers: Vec<usize> = if to_the_right { (1..columns.len()).collect() } else { (0..columns.len().saturating_sub(1)).rev().collect() };
        for column in numbers {
            let fixed = if to_the_right { column - 1 } else { column + 1 };
            let middle = |point: usize| middle(neighbours[point].iter().filter(|other| place[**other].0 == fixed).map(|other| place[*other].1), place[point].1);
            let mut keyed: Vec<(usize, usize)> = columns[column].iter().map(|point| (middle(*point), *point)).collect();
            // The sort is stable: points with the same middle stay as they were.
            keyed.sort_by_key(|(middle, _)| *middle);
            columns[column] = keyed.into_iter().map(|(_, point)| point).collect();
            note(&mut place, column, &columns[column]);
        }
    }
}

/// The mean of rows, in thousandths; without any, the row a point has.
fn middle(rows: impl Iterator<Item = usize>, own: usize) -> usize {
    let rows: Vec<usize> = rows.collect();
    if rows.is_empty() { own * 1000 } else { rows.iter().sum::<usize>() * 1000 / rows.len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::drawing::tests::drawing;

    #[track_caller]
    fn check(nodes: usize, edges: &[(usize, usize)], expected: &[&[usize]]) {
        assert_eq!(Layout::of(&drawing(nodes, edges)).columns, expected.iter().map(|column| column.to_vec()).collect::<Vec<_>>());
    }

    #[test]
    fn a_node_stands_right_of_all_that_point_at_it() {
        check(0, &[], &[]);
        check(2, &[(0, 1)], &[&[0], &[1]]);
        // The arrow from 0 to 2 passes the column of 1 at the point 3.
        check(3, &[(0, 1), (1, 2), (0, 2)], &[&[0], &[1, 3], &[2]]);
    }

    #[test]
    fn arrows_cross_less() {
        check(4, &[(0, 3), (1, 2)], &[&[0, 1], &[3, 2]]);
    }

    #[test]
    fn circles_and_long_chains_are_drawn() {
        check(3, &[(0, 1), (1, 2), (2, 0), (1, 1)], &[&[0], &[1, 3], &[2]]);
        let chain: Vec<(usize, usize)> = (0..10_000).map(|number| (number, number + 1)).collect();
        assert_eq!(Layout::of(&drawing(10_001, &chain)).columns.len(), 10_001);
    }
}
