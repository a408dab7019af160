-- Nearly all texts are found as the event that holds them; only edits are looked up by the event that they edit.

drop index searchable_texts_by_shown;
create index searchable_texts_of_edits on searchable_texts (shown_nid) where shown_nid <> event_nid;
