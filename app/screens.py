"""Which view shows which page, and where the jump box leads."""

from data.core import search
from data.reader import Reader
from views import place as places
from views.core.account import AccountView
from views.core.admin import AdminView
from views.core.collection import CollectionView
from views.core.files import FilesView
from views.core.home import Home
from views.core.image import ImageView
from views.core.proposal import ProposalView
from views.core.proposals import Proposals
from views.core.sample import SampleView
from views.core.visit import VisitView
from views.core.why import WhyView
from views.page import Views
from views.place import Place
from views.techniques.mx_cells import CellsView
from views.techniques.mx_downstream import DownstreamView
from views.techniques.mx_events import EventsView
from views.techniques.mx_processing import ProcessingView
from views.techniques.mx_quality import QualityView
from views.techniques.mx_results import ResultsView
from views.techniques.mx_scans import EnergyScanView, FluorescenceView
from views.techniques.mx_strategy import StrategyView
from views.techniques.mx_table1 import Table1View
from views.techniques.ssx_compare import CompareView
from views.techniques.ssx_run import RunView
from views.techniques.ssx_table import RunsView

VIEWS: Views = {
    "home": Home,
    "proposals": Proposals,
    "proposal": ProposalView,
    "visit": VisitView,
    "collection": CollectionView,
    "sample": SampleView,
    "image": ImageView,
    "processing": ProcessingView,
    "strategy": StrategyView,
    "files": FilesView,
    "downstream": DownstreamView,
    "events": EventsView,
    "quality": QualityView,
    "results": ResultsView,
    "cells": CellsView,
    "table1": Table1View,
    "energyscan": EnergyScanView,
    "xrf": FluorescenceView,
    "why": WhyView,
    "account": AccountView,
    "admin": AdminView,
    "monitor": RunView,
    "runs": RunsView,
    "compare": CompareView,
}


def jump(reader: Reader, text: str) -> list[tuple[str, str, Place]]:
    """What a text in the jump box may mean: label, detail and place of each."""
    found = []
    for hit in search.jump(reader, text):
        if hit.collection is not None:
            place = places.collection(hit.collection)
        elif hit.proposal is not None and hit.visit is not None:
            place = places.visit(hit.proposal, hit.visit)
        elif hit.proposal is not None:
            place = places.proposal(hit.proposal, "samples" if hit.kind == "sample" else None)
        else:
            continue
        found.append((hit.label, hit.detail, place))
    return found
