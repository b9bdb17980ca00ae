"""The sample records of an org: those that every Developer Edition org comes with.

Source: dcarroll/data-import-test-org, data/*.json, CC0-1.0, commit 853a4112.
"""

from __future__ import annotations

from typing import Any

SAMPLE: dict[str, list[dict[str, Any]]] = {
    "Account": [
        {
            "Name": "Edge Communications",
            "Type": "Customer - Direct",
            "BillingStreet": "312 Constitution Place\nAustin, TX 78767\nUSA",
            "BillingCity": "Austin",
            "BillingState": "TX",
            "Phone": "(512) 757-6000",
            "Website": "http://edgecomm.com",
            "Industry": "Electronics",
            "AnnualRevenue": 139000000,
            "NumberOfEmployees": 1000,
        },
        {
            "Name": "Burlington Textiles Corp of America",
            "Type": "Customer - Direct",
            "BillingStreet": "525 S. Lexington Ave",
            "BillingCity": "Burlington",
            "BillingState": "NC",
            "Phone": "(336) 222-7000",
            "Website": "www.burlington.com",
            "Industry": "Apparel",
            "AnnualRevenue": 350000000,
            "NumberOfEmployees": 9000,
        },
        {
            "Name": "Pyramid Construction Inc.",
            "Type": "Customer - Channel",
            "BillingStreet": "2 Place Jussieu",
            "BillingCity": "Paris",
            "Phone": "(014) 427-4427",
            "Website": "www.pyramid.com",
            "Industry": "Construction",
            "AnnualRevenue": 950000000,
            "NumberOfEmployees": 2680,
        },
    ],
    "Contact": [
        {
            "AccountId": "@Account[0]",
            "LastName": "Gonzalez",
            "FirstName": "Rose",
            "Salutation": "Ms.",
            "Phone": "(512) 757-6000",
            "Email": "rose@edge.com",
            "Title": "SVP, Procurement",
            "LeadSource": "Trade Show",
        },
        {
            "AccountId": "@Account[0]",
            "LastName": "Forbes",
            "FirstName": "Sean",
            "Salutation": "Mr.",
            "Phone": "(512) 757-6000",
            "Email": "sean@edge.com",
            "Title": "CFO",
            "LeadSource": "Trade Show",
        },
        {
            "AccountId": "@Account[1]",
            "LastName": "Rogers",
            "FirstName": "Jack",
            "Salutation": "Mr.",
            "Phone": "(336) 222-7000",
            "Email": "jrogers@burlington.com",
            "Title": "VP, Facilities",
            "LeadSource": "Web",
        },
        {
            "AccountId": "@Account[2]",
            "LastName": "Stumuller",
            "FirstName": "Pat",
            "Salutation": "Ms.",
            "Phone": "(014) 427-4427",
            "Email": "pat@pyramid.net",
            "Title": "SVP, Administration and Finance",
        },
    ],
    "Opportunity": [
        {
            "AccountId": "@Account[1]",
            "Name": "Burlington Textiles Weaving Plant Generator",
            "StageName": "Closed Won",
            "Amount": 235000,
            "CloseDate": "2018-08-06",
            "Type": "New Customer",
        }
    ],
    "Lead": [
        {
            "LastName": "Boxer",
            "FirstName": "Bertha",
            "Title": "Director of Vendor Relations",
            "Company": "Farmers Coop. of Florida",
            "Email": "bertha@fcof.net",
            "Status": "Working - Contacted",
        },
        {
            "LastName": "Cotton",
            "FirstName": "Phyllis",
            "Title": "CFO",
            "Company": "Abbott Insurance",
            "Email": "pcotton@abbottins.net",
            "Status": "Open - Not Contacted",
        },
    ],
}
