//! How a computation goes down the columns of a table: eight columns side by side, row after row.

use crate::lanes::{self, PACK, Pack};

/// Rows, where they are gone through one by one, after which every pack is asked whether all of them were for the fast way.
const ROWS: usize = 16;
/// Rows of a narrow table that are made wide together.
const NARROW_ROWS: usize = 2 * ROWS;

/// How a computation goes down a pack of columns, row by row.
pub(super) trait Down<const INPUTS: usize> {
    /// What it remembers of one pack.
    type State;
    /// What of it changes with a row where no column is seeding or absent.
    type Moving: Copy;
    /// Rows that one pack goes down before the next one does. One by one is the order in which memory is fetched ahead;
    /// with more, what moves stays in registers, which is worth more where it is little and inputs are many.
    const ROWS: usize = 1;

    /// What moves, where no column is seeding or absent so far: nearly always. `None` asks for [`Down::slow`].
    fn moving(state: &Self::State) -> Option<Self::Moving>;

    /// Remember what has moved.
    fn keep(state: &mut Self::State, moving: Self::Moving);

    /// The answer where no value is absent. Of a row that it cannot answer it leaves a trace in what moves, which
    /// later rows do not wipe out.
    fn fast(&self, state: &Self::State, moving: &mut Self::Moving, x: &[Pack; INPUTS]) -> Pack;

    /// Whether every row was for [`Down::fast`] to answer.
    fn is_sound(moving: &Self::Moving) -> bool;

    /// The answer in every case.
    fn slow(&self, state: &mut Self::State, x: &[Pack; INPUTS], at: Place) -> Pack;
}

/// A pack that goes the fast way; aligned, so that no register is split over two lines.
#[derive(Debug)]
#[repr(align(64))]
struct Settled<M> {
    moving: M,
    pack: usize,
    column: usize,
}

/// Where a pack stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) row: usize,
    /// The first of its columns.
    pub(super) column: usize,
}

/// Column at which pack `j` begins. The last one reaches back over columns of the one before it
/// rather than past the end; both compute the same values for them.
#[inline(always)]
pub(super) fn first_column(j: usize, cols: usize) -> usize {
    (j * PACK).min(cols.saturating_sub(PACK))
}

/// The pack of a row from `column` on. A row that is shorter than a pack comes up again and again, so that no
/// column of the pack is absent where none of the row is.
#[inline(always)]
pub(super) fn pack_of(row: &[f64], column: usize) -> Pack {
    if let Some(pack) = row[column..].first_chunk::<PACK>() {
        return *pack;
    }
    std::array::from_fn(|k| row[k % row.len()])
}

/// Write the pack of a row from `column` on, without what came up again.
#[inline(always)]
pub(super) fn put_pack(row: &mut [f64], column: usize, pack: Pack) {
    let cols = row.len();
    if let Some(place) = row[column..].first_chunk_mut::<PACK>() {
        *place = pack;
        return;
    }
    row.copy_from_slice(&pack[..cols]);
}

/// A stretch of rows: the inputs, all of `cols` columns, and the number of the first row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch<'a, const INPUTS: usize> {
    pub(super) inputs: [&'a [f64]; INPUTS],
    pub(super) cols: usize,
    pub(super) first_row: usize,
}

impl<const INPUTS: usize> Stretch<'_, INPUTS> {
    /// Go down all rows of `out`; one state a pack. A table that is narrower than a pack is made as wide as one, some
    /// rows at a time.
    #[inline(always)]
    pub(super) fn go<D: Down<INPUTS>>(&self, work: &D, out: &mut [f64], states: &mut [D::State]) {
        let narrow = self.cols < PACK;
        let rows = if narrow { NARROW_ROWS } else { out.len() / self.cols };
        let mut wide = [[0.0; NARROW_ROWS * PACK]; INPUTS];
        let mut answers = [0.0; NARROW_ROWS * PACK];
        for (part, out) in out.chunks_mut((rows * self.cols).max(1)).enumerate() {
            let part = self.part(part * rows, out.len());
            if !narrow {
                part.go_wide(work, out, states);
                continue;
            }
            let cells = out.len() / self.cols * PACK;
            part.widen(&mut wide);
            let inputs = std::array::from_fn(|i| &wide[i][..cells]);
            let part = Stretch { inputs, cols: PACK, first_row: part.first_row };
            part.go_wide(work, &mut answers[..cells], states);
            for (out, wide) in out.chunks_exact_mut(self.cols).zip(answers.as_chunks::<PACK>().0) {
                out.copy_from_slice(&wide[..self.cols]);
            }
        }
    }

    /// Every row of the inputs as a pack.
    fn widen(&self, wide: &mut [[f64; NARROW_ROWS * PACK]; INPUTS]) {
        for (wide, input) in wide.iter_mut().zip(&self.inputs) {
            for (wide, row) in
                wide.as_chunks_mut::<PACK>().0.iter_mut().zip(input.chunks_exact(self.cols))
            {
                *wide = pack_of(row, 0);
            }
        }
    }

    #[inline(always)]
    fn go_wide<D: Down<INPUTS>>(&self, work: &D, out: &mut [f64], states: &mut [D::State]) {
        if D::ROWS > 1 {
            self.go_by_packs(work, out, states);
        } else {
            self.go_by_rows(work, out, states);
        }
    }

    #[inline(always)]
    fn go_by_packs<D: Down<INPUTS>>(&self, work: &D, out: &mut [f64], states: &mut [D::State]) {
        for (part, out) in out.chunks_mut(D::ROWS * self.cols).enumerate() {
            let part = self.part(part * D::ROWS, out.len());
            for (j, state) in states.iter_mut().enumerate() {
                let column = first_column(j, self.cols);
                if !part.walk_pack(work, column, out, state) {
                    part.walk_slowly(work, column, out, state);
                }
            }
        }
    }

    #[inline(always)]
    fn go_by_rows<D: Down<INPUTS>>(&self, work: &D, out: &mut [f64], states: &mut [D::State]) {
        let mut settled = Vec::with_capacity(states.len());
        for (part, out) in out.chunks_mut(ROWS * self.cols).enumerate() {
            let part = self.part(part * ROWS, out.len());
            settled.clear();
            for (pack, state) in states.iter_mut().enumerate() {
                let column = first_column(pack, self.cols);
                if let Some(moving) = D::moving(state) {
                    settled.push(Settled { moving, pack, column });
                } else {
                    part.walk_slowly(work, column, out, state);
                }
            }
            part.walk_rows(work, out, states, &mut settled);
            for Settled { moving, pack, column } in &settled {
                let state = &mut states[*pack];
                if D::is_sound(moving) {
                    D::keep(state, *moving);
                } else {
                    part.walk_slowly(work, *column, out, state);
                }
            }
        }
    }

    /// The same where a few rows are not worth a way of their own.
    pub(super) fn go_slowly<D: Down<INPUTS>>(
        &self,
        work: &D,
        out: &mut [f64],
        states: &mut [D::State],
    ) {
        for (j, state) in states.iter_mut().enumerate() {
            self.walk_slowly(work, first_column(j, self.cols), out, state);
        }
    }

    #[inline(always)]
    fn part(&self, row: usize, cells: usize) -> Self {
        let from = row * self.cols;
        let inputs = self.inputs.map(|input| &input[from..from + cells]);
        Self { inputs, first_row: self.first_row + row, ..*self }
    }

    /// One pack down these rows, where it is settled and nothing is absent; whether that was so.
    #[inline(always)]
    fn walk_pack<D: Down<INPUTS>>(
        &self,
        work: &D,
        column: usize,
        out: &mut [f64],
        state: &mut D::State,
    ) -> bool {
        let Some(mut moving) = D::moving(state) else { return false };
        for (row, out) in out.chunks_exact_mut(self.cols).enumerate() {
            let row = self.part(row, out.len());
            if row.answer(work, column, out, state, &mut moving).is_none() {
                return false;
            }
        }
        let sound = D::is_sound(&moving);
        if sound {
            D::keep(state, moving);
        }
        sound
    }

    /// Settled packs down these rows, one row after the other.
    #[inline(always)]
    fn walk_rows<D: Down<INPUTS>>(
        &self,
        work: &D,
        out: &mut [f64],
        states: &[D::State],
        settled: &mut [Settled<D::Moving>],
    ) {
        for (row, out) in out.chunks_exact_mut(self.cols).enumerate() {
            let row = self.part(row, out.len());
            for Settled { moving, pack, column } in &mut *settled {
                row.answer(work, *column, out, &states[*pack], moving);
            }
        }
    }

    /// The answer of one pack, by the fast way, where this is one row; `None` where it has no such columns.
    #[inline(always)]
    fn answer<D: Down<INPUTS>>(
        &self,
        work: &D,
        column: usize,
        out: &mut [f64],
        state: &D::State,
        moving: &mut D::Moving,
    ) -> Option<()> {
        let mut x = [[0.0; PACK]; INPUTS];
        for (x, input) in x.iter_mut().zip(&self.inputs) {
            *x = *input[column..].first_chunk()?;
        }
        *out[column..].first_chunk_mut()? = work.fast(state, moving, &x);
        lanes::end_lane();
        Some(())
    }

    /// The same in every case.
    #[inline(never)]
    fn walk_slowly<D: Down<INPUTS>>(
        &self,
        work: &D,
        column: usize,
        out: &mut [f64],
        state: &mut D::State,
    ) {
        for (row, out) in out.chunks_exact_mut(self.cols).enumerate() {
            let cells = row * self.cols..(row + 1) * self.cols;
            let x = self.inputs.map(|input| pack_of(&input[cells.clone()], column));
            let place = Place { row: self.first_row + row, column };
            let answer = step(work, state, &x).unwrap_or_else(|| work.slow(state, &x, place));
            put_pack(out, column, answer);
        }
    }
}

/// The answer of one row by the fast way, where that is the way to go.
fn step<D: Down<INPUTS>, const INPUTS: usize>(
    work: &D,
    state: &mut D::State,
    x: &[Pack; INPUTS],
) -> Option<Pack> {
    let mut moving = D::moving(state)?;
    let answer = work.fast(state, &mut moving, x);
    let sound = D::is_sound(&moving);
    if sound {
        D::keep(state, moving);
    }
    sound.then_some(answer)
}

/// Whether no column is absent.
#[inline(always)]
pub(super) fn all_present(x: &Pack) -> bool {
    let mut absent = false;
    for k in 0..PACK {
        absent |= x[k].is_nan();
    }
    !absent
}

/// Whether every column is above `least`.
pub(super) fn all_above(x: &Pack, least: f64) -> bool {
    x.iter().all(|value| *value > least)
}
