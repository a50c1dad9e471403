CREATE TABLE repricings (
    id          bigint PRIMARY KEY,
    made_ns     bigint NOT NULL,
    made_by     text NOT NULL,
    reason      text NOT NULL,
    book        text NOT NULL,
    since_ns    bigint NOT NULL,
    until_ns    bigint NOT NULL,
    provider    text NOT NULL,
    model       text NOT NULL,
    adjustments bigint NOT NULL,
    link        bigint NOT NULL
);
CREATE INDEX repricings_by_link ON repricings (link);
CREATE TABLE adjustments (
    repricing     bigint NOT NULL,
    call          uuid NOT NULL,
    n             bigint NOT NULL,
    booked_ns     bigint NOT NULL,
    late          bigint NOT NULL,
    served        bigint NOT NULL,
    pricing       text NOT NULL,
    price_version text NOT NULL,
    why           text NOT NULL,
    nano          bigint NOT NULL,
    list_nano     bigint NOT NULL,
    unpriced      bigint NOT NULL,
    seal          bytea NOT NULL,
    PRIMARY KEY (call, n, repricing)
);
CREATE INDEX adjustments_by_time ON adjustments (booked_ns);
CREATE INDEX adjustments_by_repricing ON adjustments (repricing);
CREATE TABLE adjusted_charges (
    repricing     bigint NOT NULL,
    call          uuid NOT NULL,
    n             bigint NOT NULL,
    seq           bigint NOT NULL,
    sign          bigint NOT NULL,
    meter         text NOT NULL,
    quantity      bigint NOT NULL,
    per           bigint NOT NULL,
    rate          bigint,
    list_rate     bigint,
    nano          bigint,
    list_nano     bigint,
    price_version text NOT NULL,
    PRIMARY KEY (call, n, repricing, seq)
);
