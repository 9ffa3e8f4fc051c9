//! Why a name has the target it has: one enum from the kernel to the user's screen.

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $key:literal;)+) => {
        /// The rule that shaped or zeroed a target, an entry or a plan.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Reason { $($(#[doc = $doc])+ $variant = $code),+ }

        impl Reason {
            /// Every reason, by rising code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Stable snake-case name.
            pub fn key(self) -> &'static str {
                match self { $(Self::$variant => $key),+ }
            }

            /// One sentence for the user.
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+)),+ }
            }
        }
    };
}

reasons! {
    /// Ranks outside the selection.
    NotSelected = 0, "not_selected";
    /// Selected; no rule reduced it.
    Selected = 1, "selected";
    /// Held, and kept by hysteresis or the rank buffer.
    Kept = 2, "kept";
    /// Held by an older tranche only.
    OlderTranche = 3, "older_tranche";
    /// Not listed yet at this close.
    NotListed = 10, "not_listed";
    /// Delisted by this close.
    Delisted = 11, "delisted";
    /// On the list of excluded symbols.
    Excluded = 12, "excluded";
    /// Not on the list of included symbols.
    NotIncluded = 13, "not_included";
    /// No bar at this close.
    NoData = 14, "no_data";
    /// Younger than the least age.
    TooYoung = 15, "too_young";
    /// Price below the least price.
    PriceTooLow = 16, "price_too_low";
    /// Median daily dollar volume below the least.
    VolumeTooLow = 17, "volume_too_low";
    /// Outside the largest names by dollar volume.
    OutsideTopN = 18, "outside_top_n";
    /// Not enough history for the signal.
    ShortHistory = 19, "short_history";
    /// The price has not moved for the whole volatility window.
    FlatPrice = 20, "flat_price";
    /// The position would be too small for the exchange's minimum.
    TooSmall = 21, "too_small";
    /// Held without a bar at this close: frozen as it is.
    Stale = 22, "stale";
    /// Held without a bar for too long: planned down to nothing.
    StaleTooLong = 23, "stale_too_long";
    /// On hold by the operator.
    OperatorHold = 24, "operator_hold";
    /// Too few eligible names for two legs.
    UniverseTooSmall = 30, "universe_too_small";
    /// All scores are equal.
    NoDispersion = 31, "no_dispersion";
    /// Score below the entry threshold.
    BelowEntry = 32, "below_entry";
    /// Score on the wrong side of the mean.
    WrongSign = 33, "wrong_sign";
    /// A guard blocks entries.
    EntriesBlocked = 34, "entries_blocked";
    /// Too little breadth on this side.
    Breadth = 35, "breadth";
    /// An hour without entries.
    Blackout = 36, "blackout";
    /// This side was stopped lately.
    Cooldown = 37, "cooldown";
    /// Banned by its own record of round trips.
    Banned = 38, "banned";
    /// Paused after losses in a row.
    StreakPause = 39, "streak_pause";
    /// Paused after its loss of the day.
    SymbolPause = 40, "symbol_pause";
    /// Was stopped and has not left the selection since.
    AwaitingReentry = 41, "awaiting_reentry";
    /// The majors move the other way.
    Majors = 42, "majors";
    /// Its own trend does not point this way.
    Regime = 43, "regime";
    /// Its trend is too weak.
    Adx = 44, "adx";
    /// Its range has not widened.
    Breakout = 45, "breakout";
    /// Enough entries in this decision.
    Throttle = 46, "throttle";
    /// Enough open positions.
    PositionsMax = 47, "positions_max";
    /// Reduced to the cap of one name's weight.
    WeightCap = 60, "weight_cap";
    /// Reduced to what a squeeze may cost.
    SqueezeCap = 61, "squeeze_cap";
    /// Reduced to the risk of one trade.
    RiskCap = 62, "risk_cap";
    /// Reduced to the cap of one position's notional.
    NotionalCap = 63, "notional_cap";
    /// Reduced to its share of the daily dollar volume.
    AdvCap = 64, "adv_cap";
    /// Reduced to what the take-profit ladder left.
    RungCap = 65, "rung_cap";
    /// Halved: moves with a larger name of its side.
    Correlated = 66, "correlated";
    /// Reduced with its cluster.
    ClusterCap = 67, "cluster_cap";
    /// Reduced because the other side ran short.
    LegShort = 68, "leg_short";
    /// Reduced to the net cap.
    NetCap = 69, "net_cap";
    /// Reduced to the gross cap.
    GrossCap = 70, "gross_cap";
    /// A guard flattens the book.
    Flattened = 71, "flattened";
    /// Reduced to leave room for names that are frozen as they are.
    StaleRoom = 72, "stale_room";
    /// Inside the no-trade band.
    InsideBand = 80, "inside_band";
    /// Below the exchange's minimum.
    BelowMinimum = 81, "below_minimum";
    /// The yearly cost budget is spent.
    CostBudget = 82, "cost_budget";
    /// Reduced to balance the legs after rounding.
    LegRounding = 83, "leg_rounding";
    /// An exit has been called; it is planned down to nothing.
    Exit = 84, "exit";
}
