"""The ledger as FOCUS: the FinOps Open Cost and Usage Specification's Cost and Usage dataset, versions 1.2 to 1.4.

    lines.py     what the ledger's sums say, a group of charges at a time, period by period
    columns.py   which columns each version has, in their order and of which type
    meters.py    what our meters are called there, and their units
    naming.py    who provides, hosts, publishes and invoices: by kind of provider, and as config.yaml says
    rows.py      a line as the values of a row
    writing.py   rows as CSV or Parquet, in bounded memory

Must never: write a cost that nobody knows as 0, alter what the ledger says, or name a person.

What the specification leaves to us:
* A row is one period × sub account × resource × SkuPriceId × tags, and × credential, price version and unit prices,
  which a period may have several of. Rows are disjoint; a token is in one of them.
* BilledCost and EffectiveCost are what the ledger says, to the nano-unit. ListCost and ContractedCost are unit price
  times quantity, exactly, as the specification wants them; they may differ from it by what was rounded, once a call.
* A price that is not published (a self-served model's own rate) counts as its list price.
* Charges without a known price are left out: there is no null cost, and 0 would be a lie. Whoever exports is told.
* The columns of the coming version that tell tokens and credentials apart stand under `x_`.
"""
