"""What the FOCUS specification says of a Cost and Usage dataset, as data, without the code under test.

Written from the normative text of github.com/FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec, `specification/`: of each
column its presence, type, nullability and allowed values; of the attributes DateTimeFormat, NumericFormat, UnitFormat,
KeyValueFormat, NullHandling and ColumnHandling; and the rules that tie columns together.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

Row = Mapping[str, str]

# Columns that every Cost and Usage dataset has.
MANDATORY = {
    "1.2": frozenset(
        [
            "BilledCost",
            "BillingAccountId",
            "BillingAccountName",
            "BillingCurrency",
            "BillingPeriodEnd",
            "BillingPeriodStart",
            "ChargeCategory",
            "ChargeClass",
            "ChargeDescription",
            "ChargePeriodEnd",
            "ChargePeriodStart",
            "ContractedCost",
            "EffectiveCost",
            "InvoiceIssuerName",
            "ListCost",
            "PricingQuantity",
            "PricingUnit",
            "ProviderName",
            "PublisherName",
            "ServiceCategory",
            "ServiceName",
        ]
    )
}
MANDATORY["1.3"] = MANDATORY["1.2"] | {"ServiceProviderName", "HostProviderName"}
MANDATORY["1.4"] = (MANDATORY["1.3"] - {"ProviderName", "PublisherName"}) | {"InvoiceDetailId", "ListUnitPrice"}
# Columns with a condition that holds here: sub accounts of more than one type, measured usage, published and
# negotiated unit prices, regions, resources with types, tags, pricing categories.
CONDITIONAL = frozenset(
    [
        "ConsumedQuantity",
        "ConsumedUnit",
        "ContractedUnitPrice",
        "ListUnitPrice",
        "PricingCategory",
        "PricingCurrency",
        "PricingCurrencyContractedUnitPrice",
        "PricingCurrencyEffectiveCost",
        "PricingCurrencyListUnitPrice",
        "RegionId",
        "RegionName",
        "ResourceId",
        "ResourceName",
        "ResourceType",
        "SkuId",
        "SkuMeter",
        "SkuPriceDetails",
        "SkuPriceId",
        "SubAccountId",
        "SubAccountName",
        "SubAccountType",
        "Tags",
    ]
)
RECOMMENDED = frozenset({"ChargeFrequency", "InvoiceId", "ServiceSubcategory"})
REMOVED = {"1.2": frozenset[str](), "1.3": frozenset[str](), "1.4": frozenset({"ProviderName", "PublisherName"})}
NOT_YET = {
    "1.2": frozenset({"ServiceProviderName", "HostProviderName", "InvoiceDetailId"}),
    "1.3": frozenset({"InvoiceDetailId"}),
    "1.4": frozenset[str](),
}

DECIMALS = frozenset(
    [
        "BilledCost",
        "ConsumedQuantity",
        "ContractedCost",
        "ContractedUnitPrice",
        "EffectiveCost",
        "ListCost",
        "ListUnitPrice",
        "PricingCurrencyContractedUnitPrice",
        "PricingCurrencyEffectiveCost",
        "PricingCurrencyListUnitPrice",
        "PricingQuantity",
        "x_AttemptCount",
    ]
)
TIMES = frozenset({"BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart"})
KEY_VALUES = frozenset({"SkuPriceDetails", "Tags"})
# Null only where a rule below says so: these never are, for a usage row that is no correction.
NOT_NULL = frozenset(
    [
        "BilledCost",
        "BillingAccountId",
        "BillingAccountName",
        "BillingCurrency",
        "BillingPeriodEnd",
        "BillingPeriodStart",
        "ChargeCategory",
        "ChargeDescription",
        "PricingCurrency",
        "ChargeFrequency",
        "ChargePeriodEnd",
        "ChargePeriodStart",
        "ConsumedQuantity",
        "ConsumedUnit",
        "ContractedCost",
        "ContractedUnitPrice",
        "EffectiveCost",
        "HostProviderName",
        "InvoiceIssuerName",
        "ListCost",
        "ListUnitPrice",
        "PricingCategory",
        "PricingQuantity",
        "PricingUnit",
        "ProviderName",
        "PublisherName",
        "ResourceId",
        "ResourceType",
        "ServiceCategory",
        "ServiceName",
        "ServiceProviderName",
        "ServiceSubcategory",
        "SkuId",
        "SkuMeter",
        "SkuPriceId",
        "SubAccountId",
        "SubAccountName",
        "SubAccountType",
    ]
)
ALLOWED = {
    "ChargeCategory": {"Usage", "Purchase", "Tax", "Credit", "Adjustment"},
    "ChargeClass": {"", "Correction"},
    "ChargeFrequency": {"One-Time", "Recurring", "Usage-Based"},
    "PricingCategory": {"Standard", "Dynamic", "Committed", "Other"},
    "ServiceCategory": {
        *("AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools"),
        *("Multicloud", "Identity", "Integration", "Internet of Things", "Management and Governance", "Media"),
        *("Migration", "Mobile", "Networking", "Security", "Storage", "Web", "Other"),
    },
    # Those whose parent is AI and Machine Learning.
    "ServiceSubcategory": {
        *("AI Platforms", "Bots", "Generative AI", "Machine Learning", "Natural Language Processing"),
        "Other (AI and Machine Learning)",
    },
}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_DECIMAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_UNIT = re.compile(r"([1-9]\d* )?(Tokens|Requests|Units|Images|Characters|Seconds|Minutes|Hours)")
_PASCAL = re.compile(r"(x_)?([A-Z][a-z]+\d*)+")


def column_faults(names: list[str], version: str) -> Iterable[str]:
    """What is wrong with the line of headings."""
    there = set(names)
    for missing in (MANDATORY[version] | CONDITIONAL | RECOMMENDED) - there:
        yield f"{missing} must be present"
    for wrong in there & (REMOVED[version] | NOT_YET[version]):
        yield f"{wrong} is no column of {version}"
    if len(there) != len(names):
        yield "a column stands twice"
    ours = [name.startswith("x_") for name in names]
    if ours != sorted(ours):
        yield "custom columns come after those of FOCUS"
    known = MANDATORY["1.2"] | MANDATORY["1.3"] | MANDATORY["1.4"] | CONDITIONAL | RECOMMENDED
    for name in names:
        if not name.startswith("x_") and name not in known:
            yield f"{name} is no column of FOCUS and needs x_"
        if not _PASCAL.fullmatch(name) or len(name) > 50:
            yield f"{name} is not in Pascal case, or longer than 50"


def cell_faults(row: Row) -> Iterable[str]:
    """What is wrong with single values."""
    for name, value in row.items():
        if name in NOT_NULL and not value:
            yield f"{name} must not be null"
        if value and not value.strip():
            yield f"{name} is blank"
        if not value:
            continue
        if name in DECIMALS and not _DECIMAL.fullmatch(value):
            yield f"{name} is no plain decimal: {value}"
        if name in TIMES and not _TIME.fullmatch(value):
            yield f"{name} is no UTC moment: {value}"
        if name.endswith("Unit") and not _UNIT.fullmatch(value):
            yield f"{name} is no FOCUS unit: {value}"
        if name in KEY_VALUES:
            yield from _key_value_faults(name, value)
        if name in ("BillingCurrency", "PricingCurrency") and not re.fullmatch("[A-Z]{3}", value):
            yield f"{value} is no ISO 4217 code"
    for name, allowed in ALLOWED.items():
        if row[name] not in allowed:
            yield f"{name} may not be {row[name]}"


def _key_value_faults(name: str, text: str) -> Iterable[str]:
    keys: list[str] = []

    def pairs(found: list[tuple[str, object]]) -> dict[str, object]:
        keys.extend(key for key, _ in found)
        return dict(found)

    value = json.loads(text, object_pairs_hook=pairs)
    if not isinstance(value, dict):
        yield f"{name} is no JSON object"
        return
    if len(keys) != len(set(keys)):
        yield f"{name} has a key twice"
    for key, one in value.items():
        if isinstance(one, dict | list):
            yield f"{name}.{key} is an object or an array"
        if name == "SkuPriceDetails" and not _PASCAL.fullmatch(key):
            yield f"{name}.{key} is not in Pascal case"
        if name == "SkuPriceDetails" and not key.startswith("x_"):
            yield f"{name}.{key} is no property of these versions and needs x_"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _month_after(moment: datetime) -> datetime:
    return (moment + timedelta(days=32)).replace(day=1)


def _matches(row: Row, price: str, cost: str) -> bool:
    return Decimal(row[price]) * Decimal(row["PricingQuantity"]) == Decimal(row[cost])


# Columns that are tied together: what the rule says, and whether a row keeps it.
TIES: tuple[tuple[str, Callable[[Row], bool]], ...] = (
    ("a billing period is a calendar month", lambda r: _time(r["BillingPeriodStart"]).day == 1),
    (
        "and ends when the next begins",
        lambda r: _time(r["BillingPeriodEnd"]) == _month_after(_time(r["BillingPeriodStart"])),
    ),
    ("a charge period has a length", lambda r: _time(r["ChargePeriodStart"]) < _time(r["ChargePeriodEnd"])),
    (
        "usage that is no correction is billed in its own month",
        lambda r: (
            r["ChargeClass"] == "Correction"
            or _time(r["BillingPeriodStart"])
            <= _time(r["ChargePeriodStart"])
            < _time(r["ChargePeriodEnd"])
            <= _time(r["BillingPeriodEnd"])
        ),
    ),
    (
        "a correction is billed in a later month than it is of",
        lambda r: not r["ChargeClass"] or _time(r["ChargePeriodEnd"]) <= _time(r["BillingPeriodStart"]),
    ),
    (
        "unit prices are not negative",
        lambda r: min(Decimal(r["ListUnitPrice"]), Decimal(r["ContractedUnitPrice"])) >= 0,
    ),
    ("RegionName is null if and only if RegionId is", lambda r: bool(r["RegionId"]) == bool(r["RegionName"])),
    ("ResourceName does not repeat ResourceId", lambda r: r["ResourceName"] != r["ResourceId"]),
    ("PricingUnit goes with PricingQuantity", lambda r: bool(r["PricingUnit"]) == bool(r["PricingQuantity"])),
    ("ConsumedUnit goes with ConsumedQuantity", lambda r: bool(r["ConsumedUnit"]) == bool(r["ConsumedQuantity"])),
    ("no invoice yet, so no line of one", lambda r: r["InvoiceId"] == r.get("InvoiceDetailId", "") == ""),
)
PRODUCTS: tuple[tuple[str, Callable[[Row], bool]], ...] = (
    ("ListUnitPrice x PricingQuantity = ListCost", lambda r: _matches(r, "ListUnitPrice", "ListCost")),
    (
        "ContractedUnitPrice x PricingQuantity = ContractedCost",
        lambda r: _matches(r, "ContractedUnitPrice", "ContractedCost"),
    ),
)
# Every value of the first has one value of the second, over the whole dataset.
FUNCTIONAL = (
    ("SkuPriceId", "SkuId"),
    ("SkuPriceId", "SkuPriceDetails"),
    ("SkuId", "SkuMeter"),
    ("ServiceName", "ServiceCategory"),
)
# What no two rows have in common: rows are disjoint.
KEY = (
    *("ChargePeriodStart", "SubAccountId", "ResourceId", "SkuPriceId", "Tags", "ChargeClass"),
    *("x_CredentialId", "x_PriceVersion", "x_GatewayTeam", "x_GatewayTenant", "ListUnitPrice", "ContractedUnitPrice"),
)


def faults(names: list[str], rows: list[dict[str, str]], version: str) -> list[str]:
    """Everything that the specification does not allow, in words."""
    found = list(column_faults(names, version))
    of: dict[tuple[str, str, str], str] = {}
    seen: set[tuple[str, ...]] = set()
    for row in rows:
        if wrong := list(cell_faults(row)):
            found += wrong  # what is no moment or number cannot be compared
            continue
        found += [said for said, keeps in TIES if not keeps(row)]
        if row["ChargeClass"] != "Correction":
            found += [said for said, keeps in PRODUCTS if not keeps(row)]
        for one, other in FUNCTIONAL:
            if of.setdefault((one, other, row[one]), row[other]) != row[other]:
                found.append(f"{one} {row[one]} has more than one {other}")
        key = tuple(row[name] for name in KEY)
        if key in seen:
            found.append(f"two rows of the same: {key}")
        seen.add(key)
    return sorted(set(found))
