"""The columns of each version of FOCUS that this dataset has, as a table. Source: github.com, FinOps-Open-Cost-and-
Usage-Spec/FOCUS_Spec, `specification/datasets/cost_and_usage/columns`.

What is conditional there is here if the condition holds for a gateway: sub accounts (teams), regions, tags, published
and negotiated unit prices, measured usage, resources with types. It does not for commitment discounts, capacity
reservations, availability zones and allocated costs. The columns of the pricing currency are there, though it is the
one that is billed in: validators ask for them.
"""

from typing import Literal

import msgspec

Version = Literal["1.2", "1.3", "1.4"]
VERSIONS: tuple[Version, ...] = ("1.2", "1.3", "1.4")
NEWEST: Version = "1.4"
# `json` is a text that holds a JSON object.
Type = Literal["string", "decimal", "time", "json"]


class Column(msgspec.Struct, frozen=True):
    """`since`, `until`: the first and the last version that has it."""

    id: str
    type: Type = "string"
    since: Version = "1.2"
    until: Version = NEWEST


COLUMNS: tuple[Column, ...] = (
    Column("BilledCost", "decimal"),
    Column("BillingAccountId"),
    Column("BillingAccountName"),
    Column("BillingCurrency"),
    Column("BillingPeriodEnd", "time"),
    Column("BillingPeriodStart", "time"),
    Column("ChargeCategory"),
    Column("ChargeClass"),
    Column("ChargeDescription"),
    Column("ChargeFrequency"),
    Column("ChargePeriodEnd", "time"),
    Column("ChargePeriodStart", "time"),
    Column("ConsumedQuantity", "decimal"),
    Column("ConsumedUnit"),
    Column("ContractedCost", "decimal"),
    Column("ContractedUnitPrice", "decimal"),
    Column("EffectiveCost", "decimal"),
    Column("HostProviderName", since="1.3"),
    Column("InvoiceDetailId", since="1.4"),
    Column("InvoiceId"),
    Column("InvoiceIssuerName"),
    Column("ListCost", "decimal"),
    Column("ListUnitPrice", "decimal"),
    Column("PricingCategory"),
    Column("PricingCurrency"),
    Column("PricingCurrencyContractedUnitPrice", "decimal"),
    Column("PricingCurrencyEffectiveCost", "decimal"),
    Column("PricingCurrencyListUnitPrice", "decimal"),
    Column("PricingQuantity", "decimal"),
    Column("PricingUnit"),
    Column("ProviderName", until="1.3"),
    Column("PublisherName", until="1.3"),
    Column("RegionId"),
    Column("RegionName"),
    Column("ResourceId"),
    Column("ResourceName"),
    Column("ResourceType"),
    Column("ServiceCategory"),
    Column("ServiceName"),
    Column("ServiceProviderName", since="1.3"),
    Column("ServiceSubcategory"),
    Column("SkuId"),
    Column("SkuMeter"),
    Column("SkuPriceDetails", "json"),
    Column("SkuPriceId"),
    Column("SubAccountId"),
    Column("SubAccountName"),
    Column("SubAccountType"),
    Column("Tags", "json"),
    # Ours. The first is a column of 1.5 under the name that a column has before its version.
    Column("x_CredentialId"),
    Column("x_AttemptCount", "decimal"),
    Column("x_GatewayTeam"),
    Column("x_GatewayTenant"),
    Column("x_PriceVersion"),
)


def columns_of(version: Version) -> tuple[Column, ...]:
    at = VERSIONS.index(version)
    return tuple(one for one in COLUMNS if VERSIONS.index(one.since) <= at <= VERSIONS.index(one.until))
