//! Names of one side that move together are one bet, and are sized like one.

use crate::book::Side;
use crate::decide::Scene;
use crate::lanes;
use crate::params::ClusterAction;
use crate::reason::Reason;
use crate::size::Legs;

use super::scale::newest_returns;

/// Room for the centred returns of the names of a book.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    rows: usize,
    /// Centred returns, name by name.
    centred: Vec<f64>,
    norm: Vec<f64>,
    /// Places of one leg, largest weight first.
    order: Vec<u32>,
    /// Root of each place's cluster.
    parent: Vec<u32>,
}

impl Columns {
    pub(crate) fn new(names: usize, rows: usize) -> Self {
        Self {
            rows,
            centred: vec![0.0; names * rows],
            norm: vec![0.0; names],
            order: Vec::with_capacity(names),
            parent: vec![0; names],
        }
    }

    /// Zero-filled returns of the book's names over the window, less their mean.
    fn fill(&mut self, scene: Scene<'_>, legs: &Legs) {
        let names = scene.facts.names();
        let returns = newest_returns(scene.row, self.rows);
        let absent = self.rows - returns.len() / names;
        for place in 0..legs.len() {
            let column = &mut self.centred[place * self.rows..(place + 1) * self.rows];
            column[..absent].fill(0.0);
            let i = legs.name[place] as usize;
            for (value, row) in column[absent..].iter_mut().zip(returns.chunks_exact(names)) {
                *value = if row[i].is_nan() { 0.0 } else { row[i] };
            }
            let mean = lanes::sum(column) / column.len() as f64;
            for value in column.iter_mut() {
                *value -= mean;
            }
            self.norm[place] = lanes::sum_sq(column).sqrt();
        }
    }

    fn column(&self, place: usize) -> &[f64] {
        &self.centred[place * self.rows..(place + 1) * self.rows]
    }

    /// Is the correlation of two places above the limit? A name that never moved has none.
    fn linked(&self, a: usize, b: usize, limit: f64) -> bool {
        let scale = self.norm[a] * self.norm[b];
        scale > 0.0 && lanes::dot(self.column(a), self.column(b)) / scale > limit
    }

    fn order_by_weight(&mut self, legs: &Legs, side: Side) {
        self.order.clear();
        self.order.extend(legs.places(side).map(|place| place as u32));
        self.order.sort_unstable_by(|a, b| {
            let (a, b) = (*a as usize, *b as usize);
            legs.weight[b].total_cmp(&legs.weight[a]).then(legs.name[a].cmp(&legs.name[b]))
        });
    }

    fn root(&self, place: usize) -> usize {
        let mut at = place;
        while self.parent[at] as usize != at {
            at = self.parent[at] as usize;
        }
        at
    }
}

/// Halve the smaller of each pair, or cap each cluster; either way the name takes no excess later.
#[inline(never)]
pub(crate) fn limit(
    scene: Scene<'_>,
    legs: &mut Legs,
    columns: &mut Columns,
    reason: &mut [Reason],
) {
    legs.closed.fill(false);
    lanes::dispatch(
        #[inline(always)]
        || columns.fill(scene, legs),
    );
    for side in Side::BOTH {
        match scene.params.correlation_action {
            ClusterAction::Halve => halve(scene, legs, columns, side, reason),
            ClusterAction::Cap => cap(scene, legs, columns, side, reason),
        }
    }
}

fn halve(
    scene: Scene<'_>,
    legs: &mut Legs,
    columns: &mut Columns,
    side: Side,
    reason: &mut [Reason],
) {
    columns.order_by_weight(legs, side);
    for (rank, place) in columns.order.iter().enumerate() {
        let place = *place as usize;
        let follows =
            |larger: &u32| columns.linked(*larger as usize, place, scene.params.correlation_max);
        if columns.order[..rank].iter().any(follows) {
            legs.weight[place] *= 0.5;
            legs.closed[place] = true;
            reason[legs.name[place] as usize] = Reason::Correlated;
        }
    }
}

fn cap(
    scene: Scene<'_>,
    legs: &mut Legs,
    columns: &mut Columns,
    side: Side,
    reason: &mut [Reason],
) {
    let places = legs.places(side);
    for place in places.clone() {
        columns.parent[place] = place as u32;
    }
    for a in places.clone() {
        for b in a + 1..places.end {
            if columns.linked(a, b, scene.params.correlation_max) {
                let (root_a, root_b) = (columns.root(a), columns.root(b));
                columns.parent[root_a.max(root_b)] = root_a.min(root_b) as u32;
            }
        }
    }
    for root in places.clone().filter(|place| columns.parent[*place] as usize == *place) {
        let of_cluster = |place: &usize| columns.root(*place) == root;
        let total: f64 = places.clone().filter(of_cluster).map(|place| legs.weight[place]).sum();
        let most = scene.params.cluster_weight_max_frac;
        if total <= most || places.clone().filter(of_cluster).count() < 2 {
            continue;
        }
        for place in places.clone().filter(of_cluster) {
            legs.weight[place] *= most / total;
            legs.closed[place] = true;
            reason[legs.name[place] as usize] = Reason::ClusterCap;
        }
    }
}
