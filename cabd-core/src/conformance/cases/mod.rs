//! The cases, by what they are about, and the one list of them.

pub mod arrow;
pub mod audit;
pub mod bad_input;
pub mod capabilities;
pub mod catalogue;
pub mod concurrency;
pub mod derived;
pub mod editing;
pub mod evolution;
pub mod evolution_of_types;
pub mod feed;
pub mod filters;
pub mod followed;
pub mod identity;
pub mod labels;
pub mod logged;
pub mod merging;
pub mod names;
pub mod outlines;
pub mod paging;
pub mod parts;
pub mod past;
pub mod proof;
pub mod queries;
pub mod reverting;
pub mod sourced;
pub mod space;
pub mod supers;
pub mod survival;
pub mod tiles;
pub mod updates;
pub mod values;
pub mod writing;

/// Hands the list of cases to another macro: `(macro) {its arguments}`, then `file { case … } …`.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_cases {
    (($($then:tt)*) $arguments:tt) => {
        $($then)*! {
            $arguments
            catalogue {
                a_fresh_store_is_empty_and_nobody_has_written_to_it
                a_plan_changes_nothing
                a_catalogue_is_read_back_as_it_was_declared
                attribute_sets_are_listed_by_name
                a_catalogue_applied_twice_changes_nothing_the_second_time
                a_new_type_attribute_and_code_are_added_beside_what_is_there
                labels_follow_a_newer_catalogue
                a_change_that_would_drop_or_narrow_a_column_is_refused
                a_catalogue_with_a_mistake_is_refused_whole
                codes_written_as_rows_become_labels
                a_code_is_used_in_the_change_that_adds_it
                a_code_taken_away_is_no_code_any_more
                a_reference_table_is_filled_by_loading
                a_row_without_a_name_does_not_stop_changes_of_the_catalogue
                the_store_says_what_it_is_and_holds
                the_doctor_finds_a_healthy_store_healthy
            }
            evolution {
                a_plan_says_words_and_rows_and_touches_nothing
                an_attribute_left_out_is_refused_with_the_options
                a_renamed_attribute_keeps_its_values_and_its_log
                a_retired_attribute_is_kept_and_not_served_until_it_is_wanted_again
                a_dropped_attribute_comes_back_with_its_values
                a_type_is_retyped_where_every_value_converts
                a_required_attribute_needs_a_value_in_every_row
                what_was_set_aside_is_gone_when_it_is_purged
            }
            evolution_of_types {
                a_retired_code_stays_in_its_rows_and_is_refused_for_new_values
                codes_are_added_changed_and_taken_back
                an_attribute_set_is_added_changed_and_dropped
                a_type_is_dropped_and_comes_back_with_its_rows
                parts_and_links_are_added_and_dropped
                a_type_joins_and_leaves_a_super_type
                new_types_of_every_geometry_are_at_once_everywhere
                a_change_of_the_catalogue_logs_no_rows
                a_plan_shows_the_rows_of_metadata_and_codes
                a_further_column_of_a_list_that_was_edited_is_drift
                several_changes_are_undone_together
                an_undo_that_would_lose_new_values_needs_to_be_told
                what_never_changes_is_refused
                a_refused_change_leaves_the_store_as_it_was
            }
            survival {
                ten_thousand_values_of_every_type_survive_a_round_of_changes
            }
            values {
                a_feature_is_read_as_it_was_written
                texts_come_back_exactly
                numbers_come_back_bit_for_bit
                dates_and_instants_come_back_to_the_microsecond
                an_empty_array_is_not_a_missing_one
                lines_and_areas_come_back_as_they_were
                values_are_read_as_their_columns_type
            }
            writing {
                an_update_changes_the_named_values_only
                a_put_inserts_or_updates
                a_change_that_changes_nothing_is_no_commit
                a_dry_run_counts_and_leaves_the_store_as_it_was
                a_bad_operation_undoes_the_good_ones_before_it
                an_error_in_the_stream_leaves_nothing
                many_rows_are_one_commit
                large_loads_one_after_another_are_logged_and_found_in_boxes
                children_may_come_before_their_parent_in_one_change
                a_child_long_before_its_parent_is_refused_with_the_next_step
                a_row_may_change_several_times_in_one_change
                a_deleted_feature_takes_its_rows_with_it
                the_effective_geometry_is_the_best_of_its_columns
                sources_are_kept_by_feature_and_by_attribute
                records_come_in_key_order_with_the_columns_asked_for
                contacts_and_codes_are_written_like_features
            }
            queries {
                an_answer_has_every_attribute_in_its_order_and_the_geometry
                an_attribute_set_answers_in_its_own_order
                chosen_attributes_come_in_the_chosen_order_each_once
                an_unknown_name_is_refused_with_the_next_step
                types_and_attributes_are_named_in_any_case
                features_are_found_by_identifier
                a_count_does_not_care_for_limit_offset_order_and_cursor
                conditions_nest_and_negate
                a_filter_may_test_what_the_answer_does_not_carry
                computed_attributes_are_filtered_and_sorted_like_stored_ones
            }
            filters {
                every_operator_works_on_the_types_it_is_for
                an_operator_of_another_type_is_refused
                a_value_of_another_type_is_refused
                a_test_with_the_wrong_number_of_values_is_refused
                null_never_passes_a_comparison
                integers_compare_exactly_with_fractions_and_great_numbers
                doubles_compare_exactly
                text_is_compared_without_regard_to_case
                wildcards_quotes_and_commas_in_a_value_are_ordinary_text
                an_array_passes_when_one_of_its_elements_does
                a_label_is_filtered_in_the_language_of_the_question
                many_values_in_a_list_are_one_condition
            }
            names {
                names_are_found_without_accents_and_case_in_either_language
                several_name_filters_are_alternatives_within_the_other_conditions
                a_type_without_names_refuses_a_name_filter
                names_in_memory_give_the_answers_of_the_store
            }
            space {
                a_box_holds_its_edges_and_corners
                swapped_corners_are_put_right
                a_box_without_area_is_a_line_or_a_place
                a_line_is_in_a_box_only_where_it_passes
                a_box_in_the_hole_of_an_area_is_outside_it
                the_whole_world_is_a_box
                a_moved_feature_is_found_where_it_is_now
                the_nearest_come_first_by_great_circle_not_by_degrees
                features_equally_near_come_by_identifier
                a_distance_limit_holds_what_is_within_it
                the_nearest_are_found_across_the_antimeridian
                the_nearest_are_found_around_a_pole
                the_nearest_of_many_are_the_nearest_of_all
                the_distance_to_a_line_or_area_is_to_its_nearest_point
                pages_of_the_nearest_follow_one_another
                a_place_not_on_earth_is_refused
            }
            outlines {
                an_outline_holds_its_edges_and_corners
                an_outline_narrows_with_every_other_condition
                lines_and_areas_are_in_an_outline_that_they_touch
            }
            paging {
                nulls_come_last_upwards_and_downwards
                text_comes_in_order_of_code_points
                rows_equal_in_the_sort_keys_come_by_identifier
                limit_and_offset_cut_a_stable_order
                pages_by_cursor_hold_every_row_once_whatever_the_order
                pages_by_offset_agree_with_pages_by_cursor
                every_batch_says_how_to_go_on
                a_cursor_goes_on_past_rows_that_come_and_go
                a_cursor_of_another_order_is_refused
                what_has_no_order_is_no_sort_key
                pages_of_a_super_type_mix_its_members
            }
            labels {
                a_label_stands_beside_its_code_in_the_language_asked_for
                a_blank_french_label_falls_back_to_english
                a_code_without_an_entry_has_no_label
                labels_are_dictionary_encoded
                linked_labels_come_sorted_and_an_array_without_any_is_empty
                linked_labels_are_filtered_in_the_language_of_the_question
                a_link_that_changes_shows_at_once
            }
            supers {
                renamed_constant_and_first_values_come_from_each_member
                what_a_super_type_shows_can_be_filtered
                a_super_type_may_be_narrowed_to_some_members
                a_super_type_of_a_super_type_shows_what_its_members_show
                a_feature_named_by_another_is_not_shown_twice
                a_super_type_stores_nothing_itself
                names_of_members_are_searched_through_the_super_type
            }
            tiles {
                a_tile_shows_features_where_they_are_in_the_language_asked_for
                the_same_features_are_the_same_bytes_on_every_store
                what_is_remembered_of_places_follows_every_change
                what_hides_a_feature_hides_it_in_tiles
                more_changes_than_are_followed_are_read_anew
                a_moment_is_the_newest_commit_and_the_catalogue
            }
            parts {
                the_primary_row_is_shown_and_of_several_the_lowest
                values_of_the_primary_row_are_filtered_sorted_and_labelled
                another_primary_row_shows_at_once
                a_part_moves_to_another_feature
                a_part_is_written_in_its_own_relation_only
            }
            arrow {
                every_data_type_has_its_arrow_type
                fields_carry_name_unit_and_data_type
                geometry_and_identifiers_say_what_they_are
                batches_have_the_schema_of_the_stream_and_no_more_rows_than_asked
                an_empty_answer_has_a_schema
                points_are_little_endian_wkb_longitude_first
                a_stream_may_be_dropped_half_read
            }
            bad_input {
                a_value_that_does_not_fit_is_refused_with_field_value_and_expectation
                a_text_with_a_nul_character_is_refused
                a_list_with_a_null_is_refused
                a_geometry_of_another_class_or_without_positions_is_refused
                a_feature_without_a_place_is_refused
                a_required_value_cannot_be_missing
                a_missing_or_bad_key_is_refused
                a_value_given_twice_is_refused
                an_unknown_relation_or_value_name_is_refused
                a_row_that_is_there_is_not_inserted_and_one_that_is_not_is_not_changed
                a_reference_to_a_row_that_is_not_there_is_refused
                a_row_that_others_name_is_not_deleted
                an_error_says_where_the_operation_came_from
                every_error_of_a_change_is_told_at_once
                a_store_works_on_after_refusals
            }
            editing {
                a_feature_is_changed_only_where_nobody_has_changed_it_since
                of_two_who_change_what_they_read_one_is_told
                a_document_becomes_a_change_with_its_sources
                a_document_of_another_shape_is_refused_with_every_place
                a_feature_is_created_merged_and_replaced_by_geojson
            }
            merging {
                different_values_of_one_feature_go_together
                the_same_edit_is_no_conflict
                one_value_set_in_two_ways_is_told_with_all_three_states
                rows_around_a_feature_are_compared_by_value
                what_others_have_deleted_is_not_put_back_unseen
                what_others_have_changed_is_not_deleted_unseen
                the_origins_of_a_place_are_compared_each
                a_renamed_attribute_is_compared_under_its_name_of_today
                rows_of_no_feature_are_compared_where_they_were_read
                an_exact_base_allows_of_no_other_change
            }
            reverting {
                random_changes_are_undone_in_random_order
                a_commit_is_undone_with_everything_around
                a_preview_shows_labels_and_changes_nothing
                what_has_changed_since_is_shown_and_left
                one_attribute_goes_back_with_its_source
                one_feature_of_a_commit_goes_back
                a_row_that_moved_to_another_feature_moves_back
                a_new_feature_that_others_have_added_to_stays
                what_others_name_stays
                sources_and_codes_go_back
                an_undoing_is_undone
                a_change_of_the_catalogue_between_is_followed
                what_has_no_place_any_more_is_told
                what_cannot_be_undone_is_refused
            }
            identity {
                a_merged_feature_leads_to_the_other_with_its_sources
                a_split_feature_names_its_parts
                a_withdrawn_feature_says_why_and_comes_back_whole
                a_deleted_feature_is_known_and_comes_back
                an_act_that_cannot_be_is_refused
            }
            audit {
                each_change_that_writes_is_one_commit
                a_change_that_writes_nothing_is_no_commit
                the_log_tells_each_row_and_whose_it_is
                a_deletion_logs_the_children_that_went_along
                the_log_is_read_from_any_commit_in_order
                the_log_says_who
                an_unchanged_row_is_not_logged_beside_a_changed_one
                codes_are_logged_like_other_rows
            }
            logged {
                a_new_row_logs_its_values_and_a_deleted_one_what_was_there
                an_update_logs_what_changed_and_nothing_else
                a_move_is_logged_with_every_digit
                a_change_of_the_last_instant_alone_is_not_logged
                many_rows_at_once_are_logged_like_single_ones
                entries_name_their_rows
                changes_are_asked_by_relation_feature_and_commit
                a_changeset_says_who_when_and_why
            }
            past {
                random_answers_are_given_again
                an_earlier_feature_is_read_with_what_was_around_it
                pages_of_an_earlier_state_follow_each_other
                a_place_is_looked_for_where_features_were
                a_commit_that_was_never_made_has_no_state
                an_earlier_state_survives_a_change_of_the_catalogue
                a_feature_has_a_history_in_words
                a_commit_is_found_by_its_time
                an_attribute_that_went_and_came_back_has_its_past
                the_last_change_of_then_is_that_of_then
                an_earlier_state_is_read_while_others_write
            }
            feed {
                a_feed_tells_every_change_once_and_goes_on_from_any_place
                a_feed_is_narrowed_by_type_place_and_attribute
                a_feed_tells_nothing_about_people
                who_follows_the_feed_misses_nothing_while_many_write
                a_row_that_moves_is_told_of_both_features
                two_states_differ_by_what_has_changed
                a_release_is_a_name_that_never_moves
            }
            proof {
                a_store_verifies_after_every_way_of_writing
                commits_of_many_writers_are_sealed_in_order
                changes_of_the_catalogue_keep_the_proof
                a_release_is_stamped_with_the_chain
                an_erased_person_leaves_the_proof_whole
                what_was_erased_is_not_brought_back
            }
            updates {
                a_suggested_update_marks_its_feature_until_it_is_done
                a_new_suggestion_has_its_instant_and_waits_for_review
                a_suggestion_names_a_contact_and_a_feature_that_are_there
                suggestions_are_logged_with_their_feature
            }
            capabilities {
                an_earlier_state_is_read_or_refused_as_unsupported
                every_flag_has_a_name_and_a_store_that_writes_is_named
                a_store_with_many_writers_or_triggers_is_durable
                a_durable_store_says_where_it_is
            }
            derived {
                a_new_feature_gets_what_its_place_says
                of_several_polygons_the_lowest_key_counts
                the_boundary_belongs_to_a_polygon_and_nothing_beside_it
                a_moved_feature_gets_the_values_of_its_new_place
                what_is_derived_follows_the_effective_point
                a_value_given_in_the_same_change_stays
                a_value_with_a_source_of_its_own_stays
                where_nothing_follows_what_is_there_stays
                a_value_named_without_one_is_derived_again
                what_is_written_again_is_unchanged
                many_features_get_what_single_ones_get
                nothing_is_derived_where_no_polygon_is_loaded
                polygons_count_from_the_change_that_brings_them
                an_area_is_where_a_position_within_it_is
                a_derived_value_that_does_not_fit_is_refused_with_its_origin
            }
            followed {
                completeness_follows_what_is_filled
                the_last_change_is_remembered_and_makes_none
                rows_around_a_feature_change_it_too
                everything_is_derived_anew_when_asked
                a_feature_that_is_gone_is_passed_over
                a_snapper_is_asked_for_new_and_moved_points
            }
            sourced {
                a_filter_asks_where_a_value_comes_from
                an_untracked_attribute_or_an_unknown_source_is_refused
                sources_are_asked_through_super_types
                sources_come_beside_values
                sources_of_then_are_those_of_then
                shares_say_how_much_comes_from_which_source
                each_value_is_a_row_with_its_source
                a_data_source_is_kept_by_what_names_it
                a_data_source_is_written_as_a_document
            }
            concurrency {
                a_stream_shows_the_moment_it_was_opened
                an_unfinished_change_is_not_seen
                two_changes_at_once_both_succeed
                many_readers_read_while_one_writes
                the_log_is_read_while_one_writes
            }
        }
    };
}
